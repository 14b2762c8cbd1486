/* What one creature does to another, and how the two are shown. */
#include "game.h"

#define UNCHANGED 6
#define OWN_PICTURE (TILE_PICTURES + PICTURE_TILES)

static const char *mover_name;

creature_t *own_creature(void) {
    return &g.s.party[g.b.active];
}

/* Loads and shows what the flags ask for. */
void show_pictures(u8 own, u8 enemy) {
    if (enemy) {
        load_picture(g.b.enemy.species, TILE_PICTURES, 0);
        put_picture(14, 0, TILE_PICTURES);
    }
    if (own) {
        load_picture(own_creature()->species, OWN_PICTURE, 1);
        put_picture(1, 7, OWN_PICTURE);
    }
}

void draw_enemy_info(void) {
    const creature_t *enemy = &g.b.enemy;
    fill(1, 1, 12, 3, ' ');
    put_text(1, 1, species[enemy->species].name);
    put_level(2, 2, enemy->level);
    draw_status(7, 2, enemy);
    draw_hp_bar(2, 3, enemy);
    flush();
}

void draw_own_info(void) {
    const creature_t *own = own_creature();
    fill(8, 7, 12, 5, ' ');
    put_text(9, 7, species[own->species].name);
    put_level(10, 8, own->level);
    draw_status(15, 8, own);
    draw_hp_bar(10, 9, own);
    put_number(11, 10, own->hp, 3);
    put(14, 10, '/');
    put_number(15, 10, own->max_hp, 3);
    flush();
}

static void blink(u8 own_side) {
    u8 i;
    for (i = 0; i != 4; i++) {
        if (own_side) put_picture(1, 7, i & 1 ? OWN_PICTURE : 0);
        else put_picture(14, 0, i & 1 ? TILE_PICTURES : 0);
        flush();
        pause(3);
    }
}

/* The bar runs down bit by bit. */
static void lose_hp(u8 own_side, u16 amount) {
    creature_t *hurt = own_side ? own_creature() : &g.b.enemy;
    u16 goal = hurt->hp > amount ? hurt->hp - amount : 0;
    u8 part = (u8)(amount >> 3) + 1;
    while (hurt->hp != goal) {
        hurt->hp = hurt->hp > goal + part ? hurt->hp - part : goal;
        if (own_side) draw_own_info();
        else draw_enemy_info();
    }
}

/* In halves: 0 resisted, 1 plain, 2 strong. */
static u8 matchup(u8 move_type, u8 species_type) {
    static const u8 table[5][5] = {
        /*           plain leaf ember tide stone */
        /* plain */ {1, 1, 1, 1, 0},
        /* leaf  */ {1, 0, 0, 2, 2},
        /* ember */ {1, 2, 0, 0, 1},
        /* tide  */ {1, 0, 2, 0, 2},
        /* stone */ {1, 1, 2, 1, 1},
    };
    return table[move_type][species_type];
}

static u16 damage_of(const creature_t *mover, const creature_t *target, const move_info_t *move,
                     u8 attack_stage, u8 defense_stage, u8 match) {
    /* Quartered on the way, so that sixteen bits suffice up to the highest level. */
    u16 damage = (u16)(2 * mover->level / 5 + 2) * move->power / 4;
    u8 attack = (u16)mover->attack * attack_stage / UNCHANGED;
    u8 defense = (u16)target->defense * defense_stage / UNCHANGED;
    damage = damage * attack / defense * 2 / 25 + 2;
    if (species[mover->species].type == move->type) damage += damage / 2;
    if (match == 2) damage *= 2;
    else if (match == 0) damage /= 2;
    damage = damage * (217 + random_below(39)) / 255;
    return damage ? damage : 1;
}

static void change_stage(u8 *stage, i8 change, const char *message) {
    u8 changed = *stage + change;
    if (changed < 3 || changed > 12) {
        tell("Nothing happened.");
        return;
    }
    *stage = changed;
    tell(message);
}

static void side_effect(u8 own_side, const move_info_t *move, creature_t *target, u16 damage) {
    creature_t *mover = own_side ? own_creature() : &g.b.enemy;
    word_a = mover_name;
    word_b = species[target->species].name;
    switch (move->effect) {
    case EFFECT_POISON:
    case EFFECT_SLEEP:
        if (!target->hp || random_below(100) >= move->chance) {
            if (!move->power) tell("It failed.");
            return;
        }
        if (target->status) {
            if (!move->power) tell("It has no effect.");
            return;
        }
        if (move->effect == EFFECT_POISON) {
            target->status = STATUS_POISON;
            tell("\2 was poisoned!");
        } else {
            target->status = STATUS_SLEEP;
            target->sleep_turns = 1 + random_below(3);
            tell("\2 fell asleep!");
        }
        break;
    case EFFECT_WEAKEN:
        change_stage(own_side ? &g.b.enemy_attack : &g.b.own_attack, -1, "\2 became weaker!");
        break;
    case EFFECT_HARDEN:
        change_stage(own_side ? &g.b.own_defense : &g.b.enemy_defense, 2, "\1 became harder!");
        break;
    case EFFECT_DRAIN:
        mover->hp += damage / 2 + 1;
        if (mover->hp > mover->max_hp) mover->hp = mover->max_hp;
        tell("\1 drank strength!");
        break;
    default:
        break;
    }
    draw_enemy_info();
    draw_own_info();
}

/* Gives 0 when the creature sleeps through its turn. */
static u8 awake(creature_t *mover) {
    if (mover->status != STATUS_SLEEP) return 1;
    if (mover->sleep_turns) {
        mover->sleep_turns--;
        tell("\1 is fast asleep.");
        return 0;
    }
    mover->status = STATUS_OK;
    tell("\1 woke up!");
    return 1;
}

void use_move(u8 own_side, u8 number) {
    creature_t *mover = own_side ? own_creature() : &g.b.enemy;
    creature_t *target = own_side ? &g.b.enemy : own_creature();
    const move_info_t *move = &moves[number];
    u16 damage = 0;
    u8 i, match;
    mover_name = species[mover->species].name;
    word_a = mover_name;
    if (!awake(mover)) return;
    for (i = 0; i != 4; i++) {
        if (mover->moves[i] == number && mover->pp[i]) mover->pp[i]--;
    }
    if (own_side) g.b.own_move = number;
    else g.b.enemy_move = number;
    word_b = move->name;
    tell(own_side ? "\1 used \2!" : "Enemy \1 used \2!");
    if (random_below(100) >= move->accuracy) {
        tell("It missed!");
        return;
    }
    if (move->power) {
        match = matchup(move->type, species[target->species].type);
        damage = damage_of(mover, target, move, own_side ? g.b.own_attack : g.b.enemy_attack,
                           own_side ? g.b.enemy_defense : g.b.own_defense, match);
        blink(!own_side);
        lose_hp(!own_side, damage);
        if (match == 2) tell("That hit hard!");
        else if (match == 0) tell("That did little.");
    }
    side_effect(own_side, move, target, damage);
}

void poison_hurts(u8 own_side) {
    creature_t *hurt = own_side ? own_creature() : &g.b.enemy;
    if (!hurt->hp || hurt->status != STATUS_POISON) return;
    word_a = species[hurt->species].name;
    tell("\1 suffers from the poison.");
    lose_hp(own_side, hurt->max_hp / 8 + 1);
}

/* The weaker and the more drowsy, the easier; gives 1 when it worked. */
u8 try_to_catch(u8 power) {
    const creature_t *enemy = &g.b.enemy;
    u16 chance = (u16)species[enemy->species].catch_rate * power / 10;
    chance = chance - (chance / 2 * enemy->hp) / enemy->max_hp;
    if (enemy->status) chance += 40;
    return chance > 255 || random_byte() < chance;
}

u8 choose_enemy_move(void) {
    u8 known = 0;
    while (known != 4 && g.b.enemy.moves[known]) known++;
    return g.b.enemy.moves[random_below(known)];
}

/* Everyone who faced the enemy and still stands learns from it. */
void earn_experience(void) {
    u8 i;
    u16 gain = (u16)species[g.b.enemy.species].exp * g.b.enemy.level / 5;
    if (g.b.kind == BATTLE_TRAINER) gain += gain / 2;
    for (i = 0; i != g.s.party_count; i++) {
        creature_t *creature = &g.s.party[i];
        if (!has_flag(&g.b.participants, i) || !creature->hp) continue;
        creature->exp += gain;
        word_a = species[creature->species].name;
        word_number = gain;
        say("\1 gained \3 experience.");
        while (gain_level(creature)) draw_own_info();
    }
}
