/* The picture: a shadow of the window's letters, and jobs that the vertical blank carries out. */
#include "engine.h"
#include "hardware.h"
#include "tables.h"

#define ROWS_A_FRAME 5
#define TILES_A_FRAME 6
#define LCD_BASE 0xC7    /* on, window from 0x9C00, tiles from 0x8800, sprites 8 by 16 */
#define LCD_WINDOW 0x20
#define PALETTE_NORMAL 0xE4

__at(0xC000) state_t g;
__at(0xC300) u8 sprites[160];
__at(0xC400) u8 screen[SCREEN_WIDTH * SCREEN_HEIGHT];

volatile u8 vblank_seen;
volatile u8 job_kind;
const void *volatile job_source;
volatile u16 job_target;
volatile u8 job_count;
u8 scroll_x, scroll_y, lcd_control, palette;

static u8 dirty_first = SCREEN_HEIGHT, dirty_last;

static void read_buttons(void) {
    u8 held;
    JOYPAD = 0x20;
    held = JOYPAD;
    held = JOYPAD;
    held = (u8)(~held << 4);
    JOYPAD = 0x10;
    g.pressed = JOYPAD;
    g.pressed = JOYPAD;
    g.pressed = JOYPAD;
    held |= ~JOYPAD & 0x0F;
    JOYPAD = 0x30;
    g.pressed = held & ~g.held;
    g.held = held;
}

void vsync(void) {
    vblank_seen = 0;
    while (!vblank_seen) {
        __asm__("halt\nnop");
    }
    read_buttons();
}

void pause(u8 frames) {
    while (frames--) vsync();
}

void run_job(u8 kind, const void *source, u16 target, u8 count) {
    job_source = source;
    job_target = target;
    job_count = count;
    job_kind = kind;
    vsync();
}

void load_tiles(const u8 *source, u8 tile, u8 count) {
    u16 target = tile < 128 ? 0x9000 + tile * 16 : 0x8000 + tile * 16;
    while (count) {
        u8 part = count > TILES_A_FRAME ? TILES_A_FRAME : count;
        run_job(JOB_TILES, source, target, part);
        source += part * 16;
        target += part * 16;
        count -= part;
    }
}

void mark_dirty(u8 first, u8 last) {
    if (first < dirty_first) dirty_first = first;
    if (last > dirty_last) dirty_last = last;
}

void flush(void) {
    while (dirty_first <= dirty_last && dirty_first < SCREEN_HEIGHT) {
        u8 count = dirty_last - dirty_first + 1;
        if (count > ROWS_A_FRAME) count = ROWS_A_FRAME;
        run_job(JOB_ROWS, screen + dirty_first * SCREEN_WIDTH, 0x9C00 + dirty_first * 32, count);
        dirty_first += count;
    }
    dirty_first = SCREEN_HEIGHT;
    dirty_last = 0;
}

void show_window(u8 visible) {
    lcd_control = visible ? LCD_BASE | LCD_WINDOW : LCD_BASE;
}

static const u8 fades[3] = {PALETTE_NORMAL, 0xF9, 0xFE};

void fade_out(void) {
    u8 i;
    for (i = 0; i != 3; i++) {
        palette = fades[i];
        pause(2);
    }
}

void fade_in(void) {
    u8 i;
    for (i = 3; i != 0; i--) {
        palette = fades[i - 1];
        pause(2);
    }
}

void hide_sprites(void) {
    u8 i;
    for (i = 0; i != 160; i++) sprites[i] = 0;
}

/* Two frames more than the copying takes, so that the picture that was sent last is the true one. */
void settle(void) {
    flush();
    pause(2);
}

u8 wait_button(u8 wanted) {
    settle();
    g.settled = 1;
    do {
        vsync();
    } while (!(g.pressed & wanted));
    g.settled = 0;
    return g.pressed & wanted;
}

/* Runs while the screen is still off: the one time that picture memory is written directly. */
void video_start(void) {
    u8 *target = (u8 *)0x9200;
    const u8 *source = font;
    u16 i;
    for (i = 0; i != FONT_BYTES; i++) {
        *target++ = *source;
        *target++ = *source++;
    }
    target = (u8 *)0x9000;
    for (i = 0; i != INTERFACE_TILES * 16; i++) target[i] = interface_tiles[i];
    target = (u8 *)0x8000;
    for (i = 0; i != PEOPLE_TILES * 16; i++) target[i] = people_tiles[i];
    WINDOW_X = 7;
    WINDOW_Y = 0;
    SPRITE_PALETTE_0 = 0xE0;
    SPRITE_PALETTE_1 = 0xD0;
    palette = PALETTE_NORMAL;
    dirty_first = SCREEN_HEIGHT;
    show_window(1);
    LCD_CONTROL = lcd_control;
    INTERRUPTS_PENDING = 0;
    INTERRUPTS_ENABLED = 1;
    __asm__("ei");
}
