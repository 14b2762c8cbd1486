/* The menu behind the START button. */
#include "game.h"

static const label_t entries[] = {"BAG", "PARTY", "CARD", "SAVE", "EXIT"};

static void card(void) {
    hide_sprites();
    box(0, 0, 20, 18);
    put_text(5, 1, "HERO CARD");
    put_text(2, 4, "MONEY");
    put_number(10, 4, g.s.money, 5);
    put(16, 4, '$');
    put_text(2, 6, "STEPS");
    put_number(10, 6, g.s.steps, 5);
    put_text(2, 8, "BATTLES");
    put_number(10, 8, g.s.battles_won, 5);
    put_text(16, 8, "WON");
    put_text(2, 10, "CAUGHT");
    put_number(10, 10, g.s.catches, 5);
    put_text(2, 12, "SAVES");
    put_number(10, 12, g.s.saves, 5);
    put_text(2, 15, "BADGES");
    put_text(9, 15, g.s.badges & 1 ? "FERN BADGE" : "none yet");
    g.mode = MODE_CARD;
    wait_button(BUTTON_A | BUTTON_B);
}

/* Gives the item that was used to leave the place, or 0. */
u8 start_menu(void) {
    u8 used;
    for (;;) {
        open_over_map();
        switch (choose_small(MODE_START_MENU, 12, 0, 8, 5, entries)) {
        case 0:
            used = bag_screen(0);
            if (used) return used;
            break;
        case 1:
            party_menu();
            break;
        case 2:
            card();
            break;
        case 3:
            if (ask_yes_no("Save the game?")) {
                save_game();
                say("The game was saved.");
            }
            break;
        default:
            return 0;
        }
    }
}
