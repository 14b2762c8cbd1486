/* The title, and how a new game begins. */
#include "game.h"

#define LOGO_COLUMNS 12
#define LOGO_ROWS 2

static const label_t with_save[] = {"CONTINUE", "NEW GAME"};
static const label_t without_save[] = {"NEW GAME"};

static void draw_title(void) {
    u8 i, first = TILE_PICTURES + 2 * PICTURE_TILES;
    clear_screen();
    load_picture(TITLE_LEFT, TILE_PICTURES, 1);
    load_picture(TITLE_RIGHT, TILE_PICTURES + PICTURE_TILES, 0);
    load_tiles(logo_tiles, first, LOGO_COLUMNS * LOGO_ROWS);
    fill(0, 0, 20, 1, TILE_BOX + 7);
    for (i = 0; i != LOGO_COLUMNS * LOGO_ROWS; i++) {
        put(4 + i % LOGO_COLUMNS, 2 + i / LOGO_COLUMNS, first + i);
    }
    put_text(3, 5, "a meadow tale");
    put_picture(2, 7, TILE_PICTURES);
    put_picture(13, 7, TILE_PICTURES + PICTURE_TILES);
    fill(0, 17, 20, 1, TILE_BOX + 1);
}

static void new_game(void) {
    u8 i;
    u8 *bytes = (u8 *)&g.s;
    for (i = 0; i != sizeof(saved_t); i++) bytes[i] = 0;
    g.s.map = START_MAP;
    g.s.x = START_X;
    g.s.y = START_Y;
    g.s.rest_map = START_REST_MAP;
    g.s.money = START_MONEY;
    make_creature(&g.b.enemy, START_SPECIES, START_LEVEL);
    join_party(&g.b.enemy);
    for (i = 0; i != FIRST_BAG; i++) add_item(first_bag[i].item, first_bag[i].count);
}

void title(void) {
    u8 choice;
    g.save_found = load_game();
    draw_title();
    do {
        choice = g.save_found ? choose_small(MODE_TITLE, 4, 12, 12, 2, with_save)
                              : choose_small(MODE_TITLE, 4, 13, 12, 1, without_save);
    } while (choice == CANCELLED);
    fade_out();
    if (!g.save_found || choice == 1) new_game();
    hide_sprites();
    clear_screen();
    flush();
    load_tiles(map_tiles, TILE_PICTURES, MAP_TILES);
}

void main(void) {
    video_start();
    vsync();
    title();
    walk();
}
