/* The shapes of the tables that the build writes from the content and art folders. */
#ifndef TABLES_H
#define TABLES_H

#include "content.h"
#include "state.h"

typedef enum {
    USE_NOTHING,
    USE_HEAL,
    USE_CURE,
    USE_REVIVE,
    USE_ETHER,
    USE_CATCH,
    USE_REPEL,
    USE_ROPE,
    USE_MAP
} use_t;

typedef enum {
    EFFECT_NONE,
    EFFECT_POISON,
    EFFECT_SLEEP,
    EFFECT_WEAKEN,
    EFFECT_HARDEN,
    EFFECT_DRAIN
} effect_t;

typedef enum { ROLE_TALK, ROLE_SHOP, ROLE_HEALER, ROLE_ITEM, ROLE_CREATURE, ROLE_TRAINER } role_t;

typedef struct {
    const char *name;
    u8 use;
    u8 power;
    u16 price;
    u8 key;
} item_info_t;

typedef struct {
    const char *name;
    u8 type;
    u8 power;
    u8 accuracy;
    u8 pp;
    u8 effect;
    u8 chance;
} move_info_t;

typedef struct {
    const char *name;
    u8 type;
    u8 hp;
    u8 attack;
    u8 defense;
    u8 speed;
    u8 catch_rate;
    u8 exp;
    u8 moves[4];
    u8 learned_at[4];
    const u8 *picture;
} species_info_t;

typedef struct {
    const char *name;
    u8 width;
    u8 height;
    const u8 *cells;
    u8 border;
    u8 encounters;  /* of 256, for each step where wild creatures live */
    u8 cave;        /* wild creatures live on every floor, and the rope leads out */
    u8 wild[4];
    u8 lowest_level;
    u8 level_span;
} map_info_t;

typedef struct { u8 map, x, y, to_map, to_x, to_y; } warp_info_t;

typedef struct {
    const char *name;
    u8 map, x, y, facing;
    u8 sprite;
    u8 role;
    u8 detail;   /* item, species or trainer, as the role says */
    u8 gift;     /* which gift flag the role sets */
    u8 text;
    u8 text_after;
} person_info_t;

typedef struct { u8 map, x, y, text; } sign_info_t;
typedef struct { u8 map, x, y, item; } pickup_info_t;

typedef struct {
    const char *name;
    u16 reward;
    u8 badge;    /* number of the badge, from 1; 0 for none */
    u8 text_beaten;
    u8 count;
    u8 species[3];
    u8 levels[3];
} trainer_info_t;

/* What may be done on a cell. */
#define CELL_SOLID 1
#define CELL_GRASS 2
#define CELL_COUNTER 4

extern const item_info_t items[];
extern const move_info_t moves[];
extern const species_info_t species[];
extern const map_info_t maps[];
extern const warp_info_t warps[];
extern const person_info_t people[];
extern const sign_info_t signs[];
extern const pickup_info_t pickups[];
extern const trainer_info_t trainers[];
extern const slot_t shop_goods[];
extern const slot_t first_bag[];
extern const char *const texts[];
extern const u8 cell_tiles[];   /* four tiles for each kind of cell */
extern const u8 cell_kinds[];
extern const u8 map_tiles[];
extern const u8 font[];
extern const u8 interface_tiles[];
extern const u8 people_tiles[];
extern const u8 logo_tiles[];

#endif
