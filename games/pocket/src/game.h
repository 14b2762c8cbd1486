/* The parts of the game and what they ask of each other. */
#ifndef GAME_H
#define GAME_H

#include "engine.h"
#include "tables.h"

/* flags.c */
u8 has_flag(const u8 *flags, u8 number);
void set_flag(u8 *flags, u8 number);

/* creature.c */
void make_creature(creature_t *creature, u8 kind, u8 level);
u8 join_party(const creature_t *creature);
void heal_party(void);
u8 first_healthy(void);
u8 gain_level(creature_t *creature);
void draw_hp_bar(u8 x, u8 y, const creature_t *creature);
void draw_status(u8 x, u8 y, const creature_t *creature);
void put_level(u8 x, u8 y, u8 level);

/* picture.c */
void load_picture(u8 kind, u8 tile, u8 mirrored);
void put_picture(u8 x, u8 y, u8 tile);

/* bag.c */
void draw_money(const char *title);
u8 find_item(u8 item);
u8 add_item(u8 item, u8 count);
void remove_item(u8 item, u8 count);
u8 bag_screen(u8 in_battle);
u8 draw_bag_and_choose(u8 mode);

/* party.c */
u8 party_screen(u8 mode, const char *prompt);
void party_menu(void);

/* start_menu.c */
u8 start_menu(void);

/* map.c */
void load_map(void);
void compose_map(void);
void open_over_map(void);
void close_to_map(void);
void walk(void);
void warp_to(u8 map, u8 x, u8 y);
void blackout(void);
void fight(u8 trainer);
void turn_to_hero(u8 person);

/* events.c */
u8 person_at(u8 x, u8 y);
u8 pickup_at(u8 x, u8 y);
u8 talk_to(u8 person);
u8 take(u8 pickup);
void read_sign(u8 x, u8 y);

/* shop.c */
void shop(void);

/* battle.c */
u8 battle_wild(u8 kind, u8 level);
u8 battle_trainer(u8 trainer);

/* battle_turn.c */
void show_pictures(u8 own, u8 enemy);
void draw_enemy_info(void);
void draw_own_info(void);
creature_t *own_creature(void);
void use_move(u8 own_side, u8 move);
void poison_hurts(u8 own_side);
u8 try_to_catch(u8 power);
u8 choose_enemy_move(void);
void earn_experience(void);

/* save.c */
void save_game(void);
u8 load_game(void);

/* title.c */
void title(void);

#endif
