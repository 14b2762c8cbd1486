/* Walking: the scrolling map, the people on it, and what a step sets off. */
#include "game.h"

#define VIEW_COLUMNS 10
#define VIEW_ROWS 9
#define HERO_COLUMN 4    /* where the hero stands in the view */
#define HERO_ROW 4
#define STEP_FRAMES 8
#define BUMP_FRAMES 6
#define FLIPPED 0x20
#define SYMMETRICAL 1
#define PLACEHOLDER 0xF0 /* sprites that far down are below the screen */

typedef struct {
    u16 address;
    u8 tiles[4];
} cell_job_t;

static cell_job_t strip[VIEW_COLUMNS];
static const map_info_t *here;
static u8 stepping;      /* the other foot is in front */
static u8 next_sprite;
static u8 turned_person; /* looks at the hero while they talk */

static u8 cell_at(u8 x, u8 y) {
    /* Left of and above the map, the numbers wrap to large ones. */
    if (x >= here->width || y >= here->height) return here->border;
    return here->cells[y * here->width + x];
}

static void prepare(u8 index, u8 x, u8 y) {
    const u8 *tiles = cell_tiles + cell_at(x, y) * 4;
    cell_job_t *job = &strip[index];
    job->address = 0x9800 + ((u16)(y & 15) << 6) + ((x & 15) << 1);
    job->tiles[0] = tiles[0];
    job->tiles[1] = tiles[1];
    job->tiles[2] = tiles[2];
    job->tiles[3] = tiles[3];
}

static void draw_row(u8 y) {
    u8 i;
    for (i = 0; i != VIEW_COLUMNS; i++) prepare(i, g.s.x - HERO_COLUMN + i, y);
    run_job(JOB_CELLS, strip, 0, VIEW_COLUMNS);
}

static void draw_column(u8 x) {
    u8 i;
    for (i = 0; i != VIEW_ROWS; i++) prepare(i, x, g.s.y - HERO_ROW + i);
    run_job(JOB_CELLS, strip, 0, VIEW_ROWS);
}

static void add_sprite(u8 x, u8 y, u8 tile, u8 attributes) {
    u8 *sprite = sprites + next_sprite;
    if (next_sprite == 160) return;
    sprite[0] = y + 16;
    sprite[1] = x + 8;
    sprite[2] = tile;
    sprite[3] = attributes;
    next_sprite += 4;
}

/* Sixteen by sixteen pixels. */
static void add_figure(int x, int y, u8 tile, u8 attributes) {
    if (x <= -16 || x >= 160 || y <= -16 || y >= 144) return;
    if (attributes == SYMMETRICAL) {
        add_sprite(x, y, tile, 0);
        add_sprite(x + 8, y, tile, FLIPPED);
    } else if (attributes) {
        add_sprite(x, y, tile + 2, attributes);
        add_sprite(x + 8, y, tile, attributes);
    } else {
        add_sprite(x, y, tile, attributes);
        add_sprite(x + 8, y, tile + 2, attributes);
    }
}

#define PERSON_TILES 8
#define STEP_TILES 12    /* the hero's alone, after the hero's others */

/* Who looks up or down while standing is symmetrical: the left half is there, the right mirrored. */
static void add_standing(int x, int y, u8 tile, u8 facing) {
    static const u8 tiles[4] = {0, 2, 4, 4};
    tile += tiles[facing];
    add_figure(x, y, tile, facing == FACING_RIGHT ? FLIPPED : facing == FACING_LEFT ? 0 : SYMMETRICAL);
}

static void draw_figures(i8 offset_x, i8 offset_y, u8 hero_steps) {
    static const u8 step_tiles[4] = {0, 4, 8, 8};
    const person_info_t *person = people;
    u8 i, facing = g.s.facing;
    next_sprite = 0;
    if (hero_steps) {
        add_figure(HERO_COLUMN * 16, HERO_ROW * 16, PERSON_TILES + step_tiles[facing],
                   facing == FACING_RIGHT || (stepping && facing < FACING_LEFT) ? FLIPPED : 0);
    } else {
        add_standing(HERO_COLUMN * 16, HERO_ROW * 16, 0, facing);
    }
    for (i = 1; i != PEOPLE; i++) {
        person++;
        if (person->map != g.s.map) continue;
        facing = person->facing;
        if (i == turned_person) facing = g.s.facing ^ 1;
        add_standing((HERO_COLUMN + person->x - g.s.x) * 16 - offset_x,
                     (HERO_ROW + person->y - g.s.y) * 16 - offset_y,
                     STEP_TILES + person->sprite * PERSON_TILES, facing);
    }
    for (i = 1; i != PICKUPS; i++) {
        const pickup_info_t *pickup = &pickups[i];
        if (pickup->map != g.s.map || has_flag(&g.s.picked, i)) continue;
        add_figure((HERO_COLUMN + pickup->x - g.s.x) * 16 - offset_x,
                   (HERO_ROW + pickup->y - g.s.y) * 16 - offset_y, PICKUP_TILE, 0);
    }
    while (next_sprite != 160) {
        sprites[next_sprite] = PLACEHOLDER;
        next_sprite += 4;
    }
}

static void place_camera(i8 offset_x, i8 offset_y) {
    scroll_x = ((g.s.x - HERO_COLUMN) << 4) + offset_x;
    scroll_y = ((g.s.y - HERO_ROW) << 4) + offset_y;
}

/* Draws everything anew, after a change of place or after pictures lay where the map's tiles are. */
void load_map(void) {
    u8 i;
    here = &maps[g.s.map];
    for (i = 0; i != VIEW_ROWS; i++) draw_row(g.s.y - HERO_ROW + i);
    place_camera(0, 0);
    close_to_map();
}

/* Puts the part of the map that can be seen under menus and messages. */
void compose_map(void) {
    u8 row, column;
    u8 *target = screen;
    here = &maps[g.s.map];
    for (row = 0; row != VIEW_ROWS; row++) {
        for (column = 0; column != VIEW_COLUMNS; column++) {
            const u8 *tiles =
                cell_tiles + cell_at(g.s.x - HERO_COLUMN + column, g.s.y - HERO_ROW + row) * 4;
            target[0] = tiles[0];
            target[1] = tiles[1];
            target[SCREEN_WIDTH] = tiles[2];
            target[SCREEN_WIDTH + 1] = tiles[3];
            target += 2;
        }
        target += SCREEN_WIDTH;
    }
    mark_dirty(0, SCREEN_HEIGHT - 1);
}

void open_over_map(void) {
    compose_map();
    draw_figures(0, 0, 0);
    flush();
    show_window(1);
}

void close_to_map(void) {
    clear_screen();
    draw_figures(0, 0, 0);
    show_window(0);
    g.mode = MODE_MAP;
}

void turn_to_hero(u8 person) {
    turned_person = person;
}

void warp_to(u8 map, u8 x, u8 y) {
    fade_out();
    hide_sprites();
    g.s.map = map;
    g.s.x = x;
    g.s.y = y;
    load_map();
    fade_in();
}

/* After a defeat the hero wakes up where the party was healed last. */
void blackout(void) {
    u8 i;
    heal_party();
    g.s.money = g.s.money / 2;
    g.s.facing = FACING_UP;
    for (i = 1; i != WARPS; i++) {
        if (warps[i].to_map != g.s.rest_map) continue;
        warp_to(g.s.rest_map, warps[i].to_x, warps[i].to_y - 1);
        return;
    }
}

static void leave_cave(void) {
    u8 i;
    for (i = 1; i != WARPS; i++) {
        if (warps[i].map == g.s.map) {
            g.s.facing = FACING_DOWN;
            warp_to(warps[i].to_map, warps[i].to_x, warps[i].to_y);
            return;
        }
    }
}

static void after_battle(u8 result) {
    load_map();
    if (result == RESULT_LOST) {
        open_over_map();
        say("You have no creature left that can fight...");
        say("You hurry to the healer.");
        blackout();
    }
}

static void meet_wild(void) {
    u8 wild, level;
    u8 danger = cell_kinds[cell_at(g.s.x, g.s.y)] & CELL_GRASS;
    if (!here->encounters || !(danger || here->cave)) return;
    if (g.s.repel_steps) return;
    if (random_byte() >= here->encounters) return;
    wild = here->wild[random_byte() & 3];
    level = here->lowest_level + random_below(here->level_span);
    after_battle(battle_wild(wild, level));
}

static void arrive(void) {
    u8 i;
    g.s.steps++;
    for (i = 1; i != WARPS; i++) {
        const warp_info_t *warp = &warps[i];
        if (warp->map == g.s.map && warp->x == g.s.x && warp->y == g.s.y) {
            warp_to(warp->to_map, warp->to_x, warp->to_y);
            return;
        }
    }
    if (g.s.repel_steps && --g.s.repel_steps == 0) {
        open_over_map();
        say("The repel wore off.");
        close_to_map();
        return;
    }
    meet_wild();
}

static const i8 step_x[4] = {0, 0, -1, 1};
static const i8 step_y[4] = {1, -1, 0, 0};

static u8 blocked(u8 x, u8 y) {
    if (x >= here->width || y >= here->height) return 1;
    return (cell_kinds[cell_at(x, y)] & CELL_SOLID) || person_at(x, y) || pickup_at(x, y);
}

static void step(u8 facing) {
    i8 dx = step_x[facing], dy = step_y[facing];
    i8 offset_x = 0, offset_y = 0;
    u8 frame;
    g.s.facing = facing;
    draw_figures(0, 0, 0);
    if (blocked(g.s.x + dx, g.s.y + dy)) {
        pause(BUMP_FRAMES);
        return;
    }
    if (dx) draw_column(g.s.x + (dx > 0 ? VIEW_COLUMNS - HERO_COLUMN : -HERO_COLUMN - 1));
    else draw_row(g.s.y + (dy > 0 ? VIEW_ROWS - HERO_ROW : -HERO_ROW - 1));
    stepping ^= 1;
    for (frame = 0; frame != STEP_FRAMES; frame++) {
        offset_x += dx * 2;
        offset_y += dy * 2;
        draw_figures(offset_x, offset_y, frame < STEP_FRAMES / 2 + 1);
        place_camera(offset_x, offset_y);
        vsync();
    }
    g.s.x += dx;
    g.s.y += dy;
    place_camera(0, 0);
    draw_figures(0, 0, 0);
    arrive();
}

/* Where the hero looks: for people, signs and things on the ground. */
static void look_ahead(void) {
    u8 x = g.s.x + step_x[g.s.facing], y = g.s.y + step_y[g.s.facing];
    if (cell_kinds[cell_at(x, y)] & CELL_COUNTER) {
        x += step_x[g.s.facing];
        y += step_y[g.s.facing];
    }
    if (talk_to(person_at(x, y))) return;
    if (take(pickup_at(x, y))) return;
    read_sign(x, y);
}

void fight(u8 trainer) {
    after_battle(battle_trainer(trainer));
}

void walk(void) {
    u8 buttons;
    load_map();
    fade_in();
    for (;;) {
        if (!(g.held & BUTTON_DIRECTIONS)) {
            g.mode = MODE_MAP;
            settle();
            g.settled = 1;
            while (!(g.held & BUTTON_DIRECTIONS) && !(g.pressed & (BUTTON_A | BUTTON_START))) vsync();
            g.settled = 0;
        }
        buttons = g.pressed & (BUTTON_A | BUTTON_START);
        if (buttons & BUTTON_START) {
            /* Drawn anew: whoever sets a scene from outside sees it after closing the menu. */
            if (start_menu()) leave_cave();
            else load_map();
        } else if (buttons) {
            look_ahead();
        } else if (g.held & BUTTON_DOWN) step(FACING_DOWN);
        else if (g.held & BUTTON_UP) step(FACING_UP);
        else if (g.held & BUTTON_LEFT) step(FACING_LEFT);
        else if (g.held & BUTTON_RIGHT) step(FACING_RIGHT);
    }
}
