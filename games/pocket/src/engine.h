/* Screen, buttons, random numbers and text boxes: what every screen of the game is made of. */
#ifndef ENGINE_H
#define ENGINE_H

#include "state.h"

#define CANCELLED 255

#define TILE_BOX 1       /* nine pieces: corners and edges in reading order, the middle is a space */
#define TILE_MORE 10     /* the arrow of a box that has more to say */
#define TILE_HP 11
#define TILE_BAR 12      /* nine pieces: empty to full */
#define TILE_BAR_END 21
#define TILE_PICTURES 128u

extern volatile u8 vblank_seen;
extern volatile u8 job_kind;
extern const void *volatile job_source;
extern volatile u16 job_target;
extern volatile u8 job_count;
extern u8 scroll_x, scroll_y, lcd_control, palette;

#define JOB_ROWS 1
#define JOB_TILES 2
#define JOB_CELLS 3

/* video.c */
void video_start(void);
void vsync(void);
void pause(u8 frames);
void run_job(u8 kind, const void *source, u16 target, u8 count);
void load_tiles(const u8 *source, u8 tile, u8 count);
void mark_dirty(u8 first, u8 last);
void flush(void);
void show_window(u8 visible);
void fade_out(void);
void fade_in(void);
void hide_sprites(void);

/* buttons */
u8 wait_button(u8 wanted);
void settle(void);

/* random.c */
u8 random_byte(void);
u8 random_below(u8 limit);

/* text.c */
extern const char *word_a;   /* stands for \1 in messages */
extern const char *word_b;   /* stands for \2 */
extern u16 word_number;      /* stands for \3 */
void put(u8 x, u8 y, u8 tile);
void put_text(u8 x, u8 y, const char *text);
void put_number(u8 x, u8 y, u16 value, u8 width);
void fill(u8 x, u8 y, u8 width, u8 height, u8 tile);
void box(u8 x, u8 y, u8 width, u8 height);
void clear_screen(void);
void say(const char *message);
void say_text(u8 text_id);
void tell(const char *message);
u8 ask_yes_no(const char *question);
void close_text(void);

/* menu.c */
typedef const char *label_t;
typedef void (*row_drawer_t)(u8 index, u8 x, u8 y);
u8 choose(u8 mode, u8 x, u8 y, u8 rows, u8 spacing, u8 count, row_drawer_t draw);
u8 choose_small(u8 mode, u8 x, u8 y, u8 width, u8 count, const label_t *labels);
u8 choose_quantity(u8 most, u16 unit_price);

#endif
