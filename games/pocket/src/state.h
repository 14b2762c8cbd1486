/* Everything that the game remembers, at fixed addresses: tests and tasks read it from outside.
   The memory map is written from this file, so each field stands on a line of its own with its
   meaning behind it. Sizes are given by the types: u8 one byte, u16 two, little-endian. */
#ifndef STATE_H
#define STATE_H

typedef unsigned char u8;
typedef unsigned int u16;
typedef signed char i8;

#define PARTY_SIZE 4
#define BAG_SIZE 14
#define SCREEN_WIDTH 20
#define SCREEN_HEIGHT 18

typedef enum {
    MODE_BOOT,
    MODE_TITLE,
    MODE_MAP,
    MODE_DIALOGUE,
    MODE_START_MENU,
    MODE_BAG,
    MODE_ITEM_MENU,
    MODE_PARTY,
    MODE_CREATURE_MENU,
    MODE_STATS,
    MODE_CARD,
    MODE_YES_NO,
    MODE_SHOP_MENU,
    MODE_SHOP_BUY,
    MODE_SHOP_SELL,
    MODE_QUANTITY,
    MODE_TOWN_MAP,
    MODE_BATTLE_MENU,
    MODE_BATTLE_MOVES,
    MODE_BATTLE_TEXT
} mode_t;

typedef enum { FACING_DOWN, FACING_UP, FACING_LEFT, FACING_RIGHT } facing_t;
typedef enum { STATUS_OK, STATUS_POISON, STATUS_SLEEP } status_t;
typedef enum { BATTLE_NONE, BATTLE_WILD, BATTLE_TRAINER } battle_kind_t;
typedef enum { RESULT_NONE, RESULT_WON, RESULT_LOST, RESULT_FLED, RESULT_CAUGHT } result_t;

typedef struct {
    u8 species;      /* enum species: which creature; 0 is an empty place */
    u8 level;        /* 1 to 40 */
    u16 hp;          /* hit points left; 0 is fainted */
    u16 max_hp;      /* hit points when healthy */
    u8 status;       /* enum status: ok, poison or sleep */
    u8 sleep_turns;  /* battle turns until it wakes up */
    u8 attack;       /* strength of its moves */
    u8 defense;      /* resistance to moves */
    u8 speed;        /* the faster one moves first */
    u16 exp;         /* experience points; a level is reached at its cube */
    u8 moves[4];     /* enum move: the moves it knows; 0 is an empty place */
    u8 pp[4];        /* uses left of each move */
} creature_t;

typedef struct {
    u8 item;   /* enum item: which item; 0 is an empty place */
    u8 count;  /* how many, 1 to 99 */
} slot_t;

/* What a save keeps. */
typedef struct {
    u8 map;                        /* enum map: where the hero is */
    u8 x;                          /* column on the map, from 0 at the left */
    u8 y;                          /* row on the map, from 0 at the top */
    u8 facing;                     /* enum facing: where the hero looks */
    u16 money;                     /* coins, 0 to 60000 */
    u8 badges;                     /* bits: 0 the Fern Badge */
    u8 talked[3];                  /* bits person: whom the hero has talked to */
    u8 signs;                      /* bits sign: which signs were read */
    u8 picked;                     /* bits pickup: which items were picked up from the ground */
    u8 beaten;                     /* bits trainer: which trainers were beaten */
    u8 gifts;                      /* bits gift: which gifts were received */
    u8 repel_steps;                /* steps for which wild creatures stay away */
    u8 rest_map;                   /* enum map: where the hero wakes up after a defeat */
    u16 steps;                     /* steps taken */
    u16 saves;                     /* how often the game was saved */
    u8 heals;                      /* how often the healer healed the party */
    u8 items_used;                 /* how many items were used */
    u8 items_bought;               /* how many items were bought */
    u8 items_sold;                 /* how many items were sold */
    u8 items_tossed;               /* how many items were thrown away */
    u8 battles_won;                /* battles won */
    u8 battles_lost;               /* battles lost */
    u8 battles_fled;               /* wild battles run away from */
    u8 catches;                    /* creatures caught */
    u8 party_count;                /* creatures in the party, 0 to 4 */
    creature_t party[PARTY_SIZE];  /* the party; the first one is sent out first */
    u8 bag_count;                  /* kinds of items in the bag */
    slot_t bag[BAG_SIZE];          /* the bag, without gaps */
} saved_t;

typedef struct {
    u8 kind;              /* enum battle_kind: none outside of battle */
    u8 trainer;           /* enum trainer: against whom; 0 in wild battles */
    u8 trainer_index;     /* which creature of the trainer is out, from 0 */
    u8 active;            /* which creature of the party is out, from 0 */
    creature_t enemy;     /* the enemy creature; it stays here after the battle */
    u8 turn;              /* turns played in this battle */
    u8 result;            /* enum result: how this battle ended, or the last one; none while it runs */
    u8 own_attack;        /* own attack after growls and the like, 6 is unchanged */
    u8 own_defense;       /* own defense, 6 is unchanged */
    u8 enemy_attack;      /* the enemy's attack, 6 is unchanged */
    u8 enemy_defense;     /* the enemy's defense, 6 is unchanged */
    u8 own_move;          /* enum move: the own move that was used last */
    u8 enemy_move;        /* enum move: the enemy's move that was used last */
    u8 participants;      /* bits: which places of the party faced this enemy */
} battle_t;

typedef struct {
    volatile u8 settled;  /* 1 whenever the game waits for a button and nothing moves */
    volatile u8 mode;     /* enum mode: what the screen shows */
    u8 cursor;            /* the entry that the cursor stands on, from 0 */
    u8 cursor_count;      /* entries of the menu that is open */
    u8 list_top;          /* first entry that is visible of a list */
    u8 quantity;          /* the number chosen in the quantity box */
    volatile u16 frame;   /* frames since power-on */
    u16 seed;             /* state of the random generator; any value may be written */
    u8 text_id;           /* enum text: the dialogue shown; 0 for messages of menus and battles */
    u8 text_page;         /* page of the dialogue, from 0 */
    char text[40];        /* the text shown in the dialogue box, two lines, zero-terminated */
    u8 held;              /* bits button: buttons held now */
    u8 pressed;           /* bits button: buttons that went down in this frame */
    u8 chosen_item;       /* enum item: the item that a menu is about */
    u8 chosen_creature;   /* place in the party that a menu is about */
    u8 save_found;        /* 1 when a valid save was found at power-on */
    saved_t s;            /* what a save keeps */
    battle_t b;           /* the battle */
} state_t;

extern __at(0xC000) state_t g;
/* Copied to the sprites in vertical blank. */
extern __at(0xC300) u8 sprites[160];
/* The tiles of menus and messages; letters are ASCII. */
extern __at(0xC400) u8 screen[SCREEN_WIDTH * SCREEN_HEIGHT];

#define BUTTON_A 0x01
#define BUTTON_B 0x02
#define BUTTON_SELECT 0x04
#define BUTTON_START 0x08
#define BUTTON_RIGHT 0x10
#define BUTTON_LEFT 0x20
#define BUTTON_UP 0x40
#define BUTTON_DOWN 0x80
#define BUTTON_DIRECTIONS 0xF0

#endif
