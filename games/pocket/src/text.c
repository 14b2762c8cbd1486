/* Letters, boxes and messages on the shadow of the screen. */
#include "engine.h"
#include "tables.h"

#define TEXT_ROW 12
#define TEXT_WIDTH 17 /* the arrow stands behind the last letter */
#define TELL_FRAMES 22

const char *word_a;
const char *word_b;
u16 word_number;

static char expanded[240];

void put(u8 x, u8 y, u8 tile) {
    screen[y * SCREEN_WIDTH + x] = tile;
    mark_dirty(y, y);
}

void put_text(u8 x, u8 y, const char *text) {
    u8 *target = screen + y * SCREEN_WIDTH + x;
    while (*text) *target++ = *text++;
    mark_dirty(y, y);
}

/* Returns how many letters were written. */
static u8 digits(u16 value, char *target) {
    char reversed[5];
    u8 count = 0, i;
    do {
        reversed[count++] = '0' + value % 10;
        value /= 10;
    } while (value);
    for (i = 0; i != count; i++) target[i] = reversed[count - 1 - i];
    return count;
}

void put_number(u8 x, u8 y, u16 value, u8 width) {
    char letters[5];
    u8 count = digits(value, letters), i;
    for (i = 0; i != width; i++) {
        u8 from_right = width - i;
        put(x + i, y, from_right > count ? ' ' : letters[count - from_right]);
    }
}

void fill(u8 x, u8 y, u8 width, u8 height, u8 tile) {
    u8 *target = screen + y * SCREEN_WIDTH + x;
    u8 row, column;
    for (row = 0; row != height; row++) {
        for (column = 0; column != width; column++) target[column] = tile;
        target += SCREEN_WIDTH;
    }
    mark_dirty(y, y + height - 1);
}

/* Sprites lie over everything: those that a box would cover are hidden. */
static void hide_sprites_under(u8 left, u8 top, u8 right, u8 bottom) {
    u8 *sprite = sprites;
    u8 i, column, row;
    for (i = 0; i != 40; i++) {
        column = (u8)(sprite[1] - 1) >> 3; /* of its right edge, as the screen counts */
        row = (u8)(sprite[0] - 1) >> 3;    /* of its lower edge */
        if (column >= left && column <= right && row >= top && row <= bottom + 1) sprite[0] = 0;
        sprite += 4;
    }
}

void box(u8 x, u8 y, u8 width, u8 height) {
    u8 right = x + width - 1, bottom = y + height - 1;
    hide_sprites_under(x, y, right, bottom);
    fill(x, y, width, height, ' ');
    fill(x, y, width, 1, TILE_BOX + 1);
    fill(x, bottom, width, 1, TILE_BOX + 7);
    fill(x, y, 1, height, TILE_BOX + 3);
    fill(right, y, 1, height, TILE_BOX + 5);
    put(x, y, TILE_BOX);
    put(right, y, TILE_BOX + 2);
    put(x, bottom, TILE_BOX + 6);
    put(right, bottom, TILE_BOX + 8);
}

void clear_screen(void) {
    fill(0, 0, SCREEN_WIDTH, SCREEN_HEIGHT, ' ');
}

static void expand(const char *message) {
    char *target = expanded;
    char letter;
    while ((letter = *message++) != 0) {
        const char *word = 0;
        if (letter == 1) word = word_a;
        else if (letter == 2) word = word_b;
        else if (letter == 3) target += digits(word_number, target);
        else *target++ = letter;
        if (word) {
            while (*word) *target++ = *word++;
        }
    }
    *target = 0;
}

/* How many letters of the text fit on one line without cutting a word. */
static u8 fitting(const char *text) {
    u8 length = 0, last_space = 0;
    for (;;) {
        char letter = text[length];
        if (letter == 0 || letter == '\n') return length;
        if (letter == ' ') last_space = length;
        if (length == TEXT_WIDTH) return last_space;
        length++;
    }
}

/* Shows one page and returns where the next one begins. */
static const char *show_page(const char *text, u8 quick) {
    u8 line, i, length;
    char *copy = g.text;
    box(0, TEXT_ROW, SCREEN_WIDTH, 6);
    for (i = 0; i != sizeof g.text; i++) g.text[i] = 0;
    for (line = 0; line != 2 && *text; line++) {
        length = fitting(text);
        if (line) *copy++ = '\n';
        for (i = 0; i != length; i++) {
            put(1 + i, TEXT_ROW + 2 + line * 2, text[i]);
            *copy++ = text[i];
            if (!quick && (i & 3) == 3) flush();
        }
        text += length;
        if (*text) text++;
    }
    flush();
    return text;
}

static void say_as(u8 text_id, const char *message) {
    const char *rest = expanded;
    expand(message);
    g.text_id = text_id;
    g.text_page = 0;
    for (;;) {
        rest = show_page(rest, 0);
        put(18, 16, TILE_MORE);
        g.mode = MODE_DIALOGUE;
        wait_button(BUTTON_A | BUTTON_B);
        if (*rest == 0) break;
        g.text_page++;
    }
    close_text();
}

void close_text(void) {
    g.text_id = 0;
    g.text_page = 0;
    g.text[0] = 0;
}

void say(const char *message) {
    say_as(0, message);
}

void say_text(u8 text_id) {
    say_as(text_id, texts[text_id]);
}

/* A message that goes on by itself: battles are long enough without it. */
void tell(const char *message) {
    const char *rest = expanded;
    expand(message);
    g.mode = MODE_BATTLE_TEXT;
    while (*rest) {
        rest = show_page(rest, 1);
        pause(TELL_FRAMES);
    }
}

static const label_t yes_no[] = {"YES", "NO"};

u8 ask_yes_no(const char *question) {
    u8 answer;
    expand(question);
    show_page(expanded, 0);
    answer = choose_small(MODE_YES_NO, 14, 7, 6, 2, yes_no);
    close_text();
    return answer == 0;
}
