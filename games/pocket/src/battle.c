/* Battles: whose turn it is, and how they end. */
#include "game.h"

#define UNCHANGED 6
#define ACTION_NONE 255  /* the menu was left without a choice */

typedef enum { ACTION_FIGHT, ACTION_BAG, ACTION_SWITCH, ACTION_RUN } action_t;

static u8 chosen_move;

static void draw_battle(void) {
    clear_screen();
    show_pictures(1, 1);
    draw_enemy_info();
    draw_own_info();
    box(0, 12, 20, 6);
}

/* The pictures are still loaded after bag and party were looked at. */
static void redraw(void) {
    clear_screen();
    draw_battle();
}

static void send_out(u8 place) {
    g.b.active = place;
    g.b.own_attack = UNCHANGED;
    g.b.own_defense = UNCHANGED;
    set_flag(&g.b.participants, place);
    word_a = species[own_creature()->species].name;
    show_pictures(1, 0);
    draw_own_info();
    tell("Go, \1!");
}

static void enemy_appears(void) {
    g.b.enemy_attack = UNCHANGED;
    g.b.enemy_defense = UNCHANGED;
    g.b.participants = 0;
    set_flag(&g.b.participants, g.b.active);
}

/* Gives CANCELLED when the player goes back. */
static u8 pick_other(u8 may_cancel) {
    u8 place;
    for (;;) {
        place = party_screen(MODE_PARTY, "Send out which one?");
        if (place == CANCELLED) {
            if (may_cancel) return CANCELLED;
            continue;
        }
        if (!g.s.party[place].hp) say("It cannot fight now.");
        else if (place == g.b.active && may_cancel) say("It is out already.");
        else return place;
    }
}

static void draw_move(u8 index, u8 x, u8 y) {
    const creature_t *own = own_creature();
    u8 move = own->moves[index];
    put_text(x, y, moves[move].name);
    put_number(x + 12, y, own->pp[index], 2);
    put(x + 14, y, '/');
    put_number(x + 15, y, moves[move].pp, 2);
}

/* Gives 0 when the player goes back. */
static u8 pick_move(void) {
    const creature_t *own = own_creature();
    u8 known = 0, index;
    while (known != 4 && own->moves[known]) known++;
    for (;;) {
        box(0, 12, 20, 6);
        index = choose(MODE_BATTLE_MOVES, 1, 13, 4, 1, known, draw_move);
        if (index == CANCELLED) return 0;
        if (own->pp[index]) {
            chosen_move = own->moves[index];
            return 1;
        }
        say("No PP left for this move.");
    }
}

static u8 choose_action(void) {
    u8 cursor = 0, buttons;
    box(0, 12, 20, 6);
    put_text(3, 14, "FIGHT    BAG");
    put_text(3, 16, "SWITCH   RUN");
    for (;;) {
        put(2, 14, cursor == 0 ? '>' : ' ');
        put(11, 14, cursor == 1 ? '>' : ' ');
        put(2, 16, cursor == 2 ? '>' : ' ');
        put(11, 16, cursor == 3 ? '>' : ' ');
        g.cursor = cursor;
        g.cursor_count = 4;
        g.mode = MODE_BATTLE_MENU;
        buttons = wait_button(BUTTON_DIRECTIONS | BUTTON_A);
        if (buttons & BUTTON_A) return cursor;
        if (buttons & (BUTTON_UP | BUTTON_DOWN)) cursor ^= 2;
        else cursor ^= 1;
    }
}

static u8 run_away(void) {
    if (g.b.kind == BATTLE_TRAINER) {
        say("There is no running from a trainer!");
        return ACTION_NONE;
    }
    if (own_creature()->speed >= g.b.enemy.speed || random_byte() < 160) {
        g.b.result = RESULT_FLED;
        g.s.battles_fled++;
        say("You got away safely!");
    } else {
        tell("You could not get away!");
    }
    return ACTION_RUN;
}

static void throw_bell(u8 item) {
    remove_item(item, 1);
    g.s.items_used++;
    word_a = items[item].name;
    word_b = species[g.b.enemy.species].name;
    tell("You ring the \1...");
    if (!try_to_catch(items[item].power)) {
        tell("\2 turns away!");
        return;
    }
    g.b.result = RESULT_CAUGHT;
    g.s.catches++;
    say("\2 likes you and comes along!");
    if (!join_party(&g.b.enemy)) say("Your party is full, so it waits at home.");
}

/* The player's choice, carried out as far as it is no move; gives what was done. */
static u8 player_acts(void) {
    u8 choice = choose_action(), detail;
    switch (choice) {
    case ACTION_FIGHT:
        return pick_move() ? ACTION_FIGHT : ACTION_NONE;
    case ACTION_BAG:
        detail = bag_screen(1);
        redraw();
        if (!detail) return ACTION_NONE;
        if (items[detail].use == USE_CATCH) throw_bell(detail);
        return ACTION_BAG;
    case ACTION_SWITCH:
        detail = pick_other(1);
        if (detail == CANCELLED) {
            redraw();
            return ACTION_NONE;
        }
        g.b.active = detail;
        redraw();
        send_out(detail);
        return ACTION_SWITCH;
    default:
        return run_away();
    }
}

/* Gives 1 when the battle goes on with the next creature of the enemy. */
static u8 enemy_fainted(void) {
    const trainer_info_t *trainer = &trainers[g.b.trainer];
    word_a = species[g.b.enemy.species].name;
    fill(14, 0, 5, 5, ' ');
    say("Enemy \1 fainted!");
    earn_experience();
    if (g.b.kind == BATTLE_TRAINER && ++g.b.trainer_index != trainer->count) {
        make_creature(&g.b.enemy, trainer->species[g.b.trainer_index],
                      trainer->levels[g.b.trainer_index]);
        enemy_appears();
        word_a = trainer->name;
        word_b = species[g.b.enemy.species].name;
        show_pictures(0, 1);
        draw_enemy_info();
        say("\1 sends out \2!");
        return 1;
    }
    g.b.result = RESULT_WON;
    g.s.battles_won++;
    return 0;
}

static void own_fainted(void) {
    word_a = species[own_creature()->species].name;
    own_creature()->status = STATUS_OK;
    fill(1, 7, 5, 5, ' ');
    say("\1 fainted!");
    if (first_healthy() == CANCELLED) {
        g.b.result = RESULT_LOST;
        g.s.battles_lost++;
        return;
    }
    g.b.active = pick_other(0);
    redraw();
    send_out(g.b.active);
}

/* Gives 1 when somebody fainted or the battle is over, so that the turn ends here. */
static u8 settle_losses(void) {
    if (g.b.enemy.hp == 0) {
        enemy_fainted();
        if (own_creature()->hp == 0 && g.b.result == RESULT_NONE) own_fainted();
        return 1;
    }
    if (own_creature()->hp == 0) {
        own_fainted();
        return 1;
    }
    return 0;
}

static void play_turn(void) {
    u8 action = player_acts(), enemy_move, own_first;
    if (action == ACTION_NONE || g.b.result != RESULT_NONE) return;
    g.b.turn++;
    enemy_move = choose_enemy_move();
    own_first = own_creature()->speed >= g.b.enemy.speed;
    if (action == ACTION_FIGHT && own_first) {
        use_move(1, chosen_move);
        if (settle_losses()) return;
    }
    use_move(0, enemy_move);
    if (settle_losses()) return;
    if (action == ACTION_FIGHT && !own_first) {
        use_move(1, chosen_move);
        if (settle_losses()) return;
    }
    poison_hurts(1);
    poison_hurts(0);
    settle_losses();
}

static u8 battle(const char *opening) {
    g.b.turn = 0;
    g.b.result = RESULT_NONE;
    g.b.own_move = 0;
    g.b.enemy_move = 0;
    g.b.active = first_healthy();
    if (g.b.active == CANCELLED) g.b.active = 0;
    fade_out();
    hide_sprites();
    clear_screen();
    flush();
    show_window(1);
    palette = 0xE4;
    g.b.own_attack = UNCHANGED;
    g.b.own_defense = UNCHANGED;
    enemy_appears();
    draw_battle();
    word_b = species[g.b.enemy.species].name;
    say(opening);
    while (g.b.result == RESULT_NONE) play_turn();
    return g.b.result;
}

static void leave(void) {
    g.b.kind = BATTLE_NONE;
    g.b.trainer = 0;
    fade_out();
    clear_screen();
    flush();
    load_tiles(map_tiles, TILE_PICTURES, PICTURE_TILES * 2);
    palette = 0xE4;
}

u8 battle_wild(u8 kind, u8 level) {
    u8 result;
    g.b.kind = BATTLE_WILD;
    g.b.trainer = 0;
    make_creature(&g.b.enemy, kind, level);
    result = battle("A wild \2 appears!");
    leave();
    return result;
}

u8 battle_trainer(u8 number) {
    const trainer_info_t *trainer = &trainers[number];
    u8 result;
    g.b.kind = BATTLE_TRAINER;
    g.b.trainer = number;
    g.b.trainer_index = 0;
    make_creature(&g.b.enemy, trainer->species[0], trainer->levels[0]);
    word_a = trainer->name;
    result = battle("\1 wants to battle and sends out \2!");
    if (result == RESULT_WON) {
        set_flag(&g.s.beaten, number);
        say_text(trainer->text_beaten);
        g.s.money += trainer->reward;
        word_number = trainer->reward;
        say("You got \3$ for winning.");
        if (trainer->badge) {
            g.s.badges |= 1 << (trainer->badge - 1);
            say("You received the FERN BADGE!");
        }
    }
    leave();
    return result;
}
