/* Buying and selling. */
#include "game.h"

#define MOST_MONEY 60000

static const label_t counter_choices[] = {"BUY", "SELL", "EXIT"};

static void draw_good(u8 index, u8 x, u8 y) {
    fill(x, y, 17, 1, ' ');
    if (index == SHOP_GOODS) {
        put_text(x, y, "BACK");
        return;
    }
    put_text(x, y, items[shop_goods[index].item].name);
    put_number(x + 12, y, items[shop_goods[index].item].price, 4);
    put(x + 16, y, '$');
}

static void buy(void) {
    u8 index, count;
    u16 price, most;
    for (;;) {
        draw_money("BUY");
        box(0, 3, 20, 15);
        index = choose(MODE_SHOP_BUY, 1, 5, 6, 2, SHOP_GOODS + 1, draw_good);
        if (index >= SHOP_GOODS) return;
        g.chosen_item = shop_goods[index].item;
        word_a = items[g.chosen_item].name;
        price = items[g.chosen_item].price;
        most = g.s.money / price;
        if (most == 0) {
            say("You cannot afford that.");
            continue;
        }
        count = choose_quantity(most > 20 ? 20 : (u8)most, price);
        if (!count) continue;
        word_number = price * count;
        if (!ask_yes_no("\3$ in all. Do you buy?")) continue;
        if (!add_item(g.chosen_item, count)) {
            say("Your bag is full.");
            continue;
        }
        g.s.money -= price * count;
        g.s.items_bought += count;
        draw_money("BUY");
        say("Here you are. Thank you!");
    }
}

static void sell(void) {
    u8 count;
    u16 price;
    while (draw_bag_and_choose(MODE_SHOP_SELL)) {
        price = items[g.chosen_item].price / 2;
        if (items[g.chosen_item].key) {
            say("I cannot buy that from you.");
            continue;
        }
        count = choose_quantity(g.s.bag[find_item(g.chosen_item)].count, price);
        if (!count) continue;
        word_number = price * count;
        if (!ask_yes_no("I pay \3$. Do you sell?")) continue;
        remove_item(g.chosen_item, count);
        g.s.items_sold += count;
        g.s.money = g.s.money > MOST_MONEY - word_number ? MOST_MONEY : g.s.money + word_number;
        say("Thank you!");
    }
}

void shop(void) {
    for (;;) {
        open_over_map();
        switch (choose_small(MODE_SHOP_MENU, 0, 0, 8, 3, counter_choices)) {
        case 0:
            buy();
            break;
        case 1:
            sell();
            break;
        default:
            open_over_map();
            return;
        }
    }
}
