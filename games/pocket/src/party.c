/* The party: choosing one, looking at it, changing the order. */
#include "game.h"

static void draw_member(u8 index, u8 x, u8 y) {
    const creature_t *creature = &g.s.party[index];
    put_text(x, y, species[creature->species].name);
    put_level(x + 10, y, creature->level);
    draw_status(x + 14, y, creature);
    draw_hp_bar(x, y + 1, creature);
    put_number(x + 9, y + 1, creature->hp, 3);
    put(x + 12, y + 1, '/');
    put_number(x + 13, y + 1, creature->max_hp, 3);
}

/* Gives the chosen place, or CANCELLED. */
u8 party_screen(u8 mode, const char *prompt) {
    u8 place;
    hide_sprites();
    box(0, 0, 20, 14);
    box(0, 14, 20, 4);
    put_text(1, 16, prompt);
    place = choose(mode, 1, 1, PARTY_SIZE, 3, g.s.party_count, draw_member);
    if (place != CANCELLED) g.chosen_creature = place;
    return place;
}

static const label_t type_names[] = {"PLAIN", "LEAF", "EMBER", "TIDE", "STONE"};

static void show_stats(u8 place) {
    const creature_t *creature = &g.s.party[place];
    const species_info_t *info = &species[creature->species];
    u8 i;
    clear_screen();
    load_picture(creature->species, TILE_PICTURES, 0);
    box(0, 0, 20, 10);
    put_picture(1, 2, TILE_PICTURES);
    put_text(8, 1, info->name);
    put_level(8, 2, creature->level);
    draw_status(14, 2, creature);
    put_text(8, 3, type_names[info->type]);
    put_text(8, 4, "HP");
    put_number(12, 4, creature->hp, 3);
    put(15, 4, '/');
    put_number(16, 4, creature->max_hp, 3);
    put_text(8, 5, "ATTACK");
    put_number(16, 5, creature->attack, 3);
    put_text(8, 6, "DEFENSE");
    put_number(16, 6, creature->defense, 3);
    put_text(8, 7, "SPEED");
    put_number(16, 7, creature->speed, 3);
    put_text(8, 8, "EXP");
    put_number(14, 8, creature->exp, 5);
    box(0, 10, 20, 8);
    for (i = 0; i != 4; i++) {
        u8 move = creature->moves[i];
        if (!move) {
            put_text(2, 12 + i, "-");
            continue;
        }
        put_text(2, 12 + i, moves[move].name);
        put_text(12, 12 + i, "PP");
        put_number(14, 12 + i, creature->pp[i], 2);
        put(16, 12 + i, '/');
        put_number(17, 12 + i, moves[move].pp, 2);
    }
    g.mode = MODE_STATS;
    wait_button(BUTTON_A | BUTTON_B);
    clear_screen();
    flush();
    load_tiles(map_tiles, TILE_PICTURES, PICTURE_TILES);
}

static const label_t actions[] = {"STATS", "SWITCH", "BACK"};

void party_menu(void) {
    u8 place, other;
    while ((place = party_screen(MODE_PARTY, "Choose a creature.")) != CANCELLED) {
        switch (choose_small(MODE_CREATURE_MENU, 11, 7, 9, 3, actions)) {
        case 0:
            show_stats(place);
            break;
        case 1:
            other = party_screen(MODE_PARTY, "Switch with whom?");
            if (other != CANCELLED && other != place) {
                creature_t moved;
                moved = g.s.party[place];
                g.s.party[place] = g.s.party[other];
                g.s.party[other] = moved;
            }
            break;
        default:
            break;
        }
    }
}
