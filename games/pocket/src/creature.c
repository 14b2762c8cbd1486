/* What a creature is, how it grows, and how it is drawn in lists. */
#include "game.h"

#define HIGHEST_LEVEL 40

static u8 stat(u8 base, u8 level) {
    return (u8)(((u16)base * level) / 50) + 5;
}

static void set_stats(creature_t *creature) {
    const species_info_t *info = &species[creature->species];
    creature->max_hp = ((u16)info->hp * creature->level) / 50 + creature->level + 10;
    creature->attack = stat(info->attack, creature->level);
    creature->defense = stat(info->defense, creature->level);
    creature->speed = stat(info->speed, creature->level);
}

/* Teaches what the species knows at its level; gives the new move, or 0. */
static u8 learn_moves(creature_t *creature) {
    const species_info_t *info = &species[creature->species];
    u8 i, learned = 0;
    for (i = 0; i != 4; i++) {
        if (info->moves[i] && creature->level >= info->learned_at[i] && !creature->moves[i]) {
            learned = info->moves[i];
            creature->moves[i] = learned;
            creature->pp[i] = moves[learned].pp;
        }
    }
    return learned;
}

void make_creature(creature_t *creature, u8 kind, u8 level) {
    u8 i;
    creature->species = kind;
    creature->level = level;
    creature->status = STATUS_OK;
    creature->sleep_turns = 0;
    creature->exp = (u16)level * level * level;
    for (i = 0; i != 4; i++) {
        creature->moves[i] = 0;
        creature->pp[i] = 0;
    }
    learn_moves(creature);
    set_stats(creature);
    creature->hp = creature->max_hp;
}

/* Gives 0 when the party is full. */
u8 join_party(const creature_t *creature) {
    if (g.s.party_count == PARTY_SIZE) return 0;
    g.s.party[g.s.party_count++] = *creature;
    return 1;
}

void heal_party(void) {
    u8 i, j;
    for (i = 0; i != g.s.party_count; i++) {
        creature_t *creature = &g.s.party[i];
        creature->hp = creature->max_hp;
        creature->status = STATUS_OK;
        for (j = 0; j != 4; j++) creature->pp[j] = moves[creature->moves[j]].pp;
    }
}

/* The first place of the party that can fight, or CANCELLED. */
u8 first_healthy(void) {
    u8 i;
    for (i = 0; i != g.s.party_count; i++) {
        if (g.s.party[i].hp) return i;
    }
    return CANCELLED;
}

/* Raises the level if the experience suffices; gives 1 then. */
u8 gain_level(creature_t *creature) {
    u8 next = creature->level + 1, learned;
    u16 before = creature->max_hp;
    if (next > HIGHEST_LEVEL || creature->exp < (u16)next * next * next) return 0;
    creature->level = next;
    set_stats(creature);
    creature->hp += creature->max_hp - before;
    word_a = species[creature->species].name;
    word_number = next;
    say("\1 grew to level \3!");
    learned = learn_moves(creature);
    if (learned) {
        word_b = moves[learned].name;
        say("\1 learned \2!");
    }
    return 1;
}

#define BAR_TILES 6

void draw_hp_bar(u8 x, u8 y, const creature_t *creature) {
    u8 i, pixels = (u8)((creature->hp * (BAR_TILES * 8)) / creature->max_hp);
    if (pixels == 0 && creature->hp) pixels = 1;
    put(x, y, TILE_HP);
    for (i = 0; i != BAR_TILES; i++) {
        u8 part = pixels > 8 ? 8 : pixels;
        put(x + 1 + i, y, TILE_BAR + part);
        pixels -= part;
    }
    put(x + 1 + BAR_TILES, y, TILE_BAR_END);
}

static const label_t status_names[] = {"   ", "PSN", "SLP"};

void draw_status(u8 x, u8 y, const creature_t *creature) {
    put_text(x, y, creature->hp ? status_names[creature->status] : "FNT");
}

void put_level(u8 x, u8 y, u8 level) {
    put_text(x, y, "Lv");
    put_number(x + 2, y, level, level > 9 ? 2 : 1);
}
