/* Lists with a cursor, and the box that asks how many. */
#include "engine.h"

/* Shows entries from (x, y) downwards, the cursor left of them; a long list scrolls.
   Gives the chosen entry, or CANCELLED. */
u8 choose(u8 mode, u8 x, u8 y, u8 rows, u8 spacing, u8 count, row_drawer_t draw) {
    u8 row, buttons, cursor = 0, top = 0;
    if (rows > count) rows = count;
    for (;;) {
        if (cursor < top) top = cursor;
        if (cursor >= top + rows) top = cursor - rows + 1;
        for (row = 0; row != rows; row++) {
            put(x, y + row * spacing, top + row == cursor ? '>' : ' ');
            if (draw) draw(top + row, x + 1, y + row * spacing);
        }
        g.cursor = cursor;
        g.cursor_count = count;
        g.list_top = top;
        g.mode = mode;
        buttons = wait_button(BUTTON_A | BUTTON_B | BUTTON_UP | BUTTON_DOWN);
        if (buttons & BUTTON_A) return cursor;
        if (buttons & BUTTON_B) return CANCELLED;
        if (buttons & BUTTON_UP) cursor = cursor ? cursor - 1 : count - 1;
        else if (++cursor == count) cursor = 0;
    }
}

static const label_t *small_labels;

static void draw_label(u8 index, u8 x, u8 y) {
    put_text(x, y, small_labels[index]);
}

u8 choose_small(u8 mode, u8 x, u8 y, u8 width, u8 count, const label_t *labels) {
    box(x, y, width, count * 2 + 1);
    small_labels = labels;
    return choose(mode, x + 1, y + 1, count, 2, count, draw_label);
}

/* Gives 1 to most, or 0 when cancelled; with a price, shows what the number costs. */
u8 choose_quantity(u8 most, u16 unit_price) {
    u8 buttons;
    g.quantity = 1;
    g.mode = MODE_QUANTITY;
    box(8, 9, 12, 3);
    for (;;) {
        put_text(9, 10, "x");
        put_number(10, 10, g.quantity, 2);
        if (unit_price) {
            put_number(13, 10, unit_price * g.quantity, 5);
            put(18, 10, '$');
        }
        buttons = wait_button(0xF0 | BUTTON_A | BUTTON_B);
        if (buttons & BUTTON_A) return g.quantity;
        if (buttons & BUTTON_B) return 0;
        if (buttons & BUTTON_UP) g.quantity = g.quantity == most ? 1 : g.quantity + 1;
        else if (buttons & BUTTON_DOWN) g.quantity = g.quantity == 1 ? most : g.quantity - 1;
        else if (buttons & BUTTON_RIGHT) g.quantity = most - g.quantity > 10 ? g.quantity + 10 : most;
        else g.quantity = g.quantity > 10 ? g.quantity - 10 : 1;
    }
}
