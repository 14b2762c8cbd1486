/* The bag: what lies in it, and what its things do. */
#include "game.h"

#define MOST_OF_A_KIND 99
#define REPEL_STEPS 40
#define LIST_ROWS 5

/* The place of an item in the bag, or CANCELLED. */
u8 find_item(u8 item) {
    u8 i;
    for (i = 0; i != g.s.bag_count; i++) {
        if (g.s.bag[i].item == item) return i;
    }
    return CANCELLED;
}

/* Gives 0, and changes nothing, when there is no room. */
u8 add_item(u8 item, u8 count) {
    u8 place = find_item(item);
    if (place == CANCELLED) {
        if (g.s.bag_count == BAG_SIZE) return 0;
        place = g.s.bag_count++;
        g.s.bag[place].item = item;
        g.s.bag[place].count = 0;
    }
    if (g.s.bag[place].count + count > MOST_OF_A_KIND) return 0;
    g.s.bag[place].count += count;
    return 1;
}

void remove_item(u8 item, u8 count) {
    u8 place = find_item(item);
    if (place == CANCELLED) return;
    g.s.bag[place].count -= count;
    if (g.s.bag[place].count) return;
    g.s.bag_count--;
    for (; place != g.s.bag_count; place++) g.s.bag[place] = g.s.bag[place + 1];
    g.s.bag[place].item = 0;
}

static void draw_slot(u8 index, u8 x, u8 y) {
    const slot_t *slot = &g.s.bag[index];
    fill(x, y, 17, 1, ' ');
    if (index == g.s.bag_count) {
        put_text(x, y, "BACK");
        return;
    }
    put_text(x, y, items[slot->item].name);
    put(x + 13, y, 'x');
    put_number(x + 14, y, slot->count, 2);
}

void draw_money(const char *title) {
    hide_sprites();
    box(0, 0, 20, 3);
    put_text(2, 1, title);
    put_number(12, 1, g.s.money, 5);
    put(17, 1, '$');
}

/* Shows the bag and gives the chosen item, or 0. The last entry of the list leads back. */
u8 draw_bag_and_choose(u8 mode) {
    u8 index;
    draw_money(mode == MODE_SHOP_SELL ? "SELL" : "BAG");
    box(0, 3, 20, 15);
    index = choose(mode, 1, 5, LIST_ROWS + 1, 2, g.s.bag_count + 1, draw_slot);
    if (index >= g.s.bag_count) return 0;
    g.chosen_item = g.s.bag[index].item;
    return g.chosen_item;
}

/* Does to a creature what the item does; gives 0 when it would do nothing. */
static u8 apply_to(creature_t *creature, const item_info_t *info) {
    u8 i, done = 0;
    switch (info->use) {
    case USE_HEAL:
        if (!creature->hp || creature->hp == creature->max_hp) return 0;
        creature->hp += info->power;
        if (creature->hp > creature->max_hp) creature->hp = creature->max_hp;
        return 1;
    case USE_CURE:
        if (!creature->hp || creature->status != info->power) return 0;
        creature->status = STATUS_OK;
        return 1;
    case USE_REVIVE:
        if (creature->hp) return 0;
        creature->hp = creature->max_hp / 2;
        creature->status = STATUS_OK;
        return 1;
    default:
        for (i = 0; i != 4; i++) {
            u8 most = moves[creature->moves[i]].pp;
            if (creature->pp[i] < most) {
                creature->pp[i] = creature->pp[i] + info->power > most ? most : creature->pp[i] + info->power;
                done = 1;
            }
        }
        return done;
    }
}

static void refuse(void) {
    say("It would have no effect.");
}

static u8 use_on_creature(const item_info_t *info) {
    u8 place = party_screen(MODE_PARTY, "Use on whom?");
    if (place == CANCELLED) return 0;
    word_b = species[g.s.party[place].species].name;
    if (!apply_to(&g.s.party[place], info)) {
        refuse();
        return 0;
    }
    remove_item(g.chosen_item, 1);
    g.s.items_used++;
    word_a = info->name;
    say("The \1 helped \2.");
    return 1;
}

/* Gives 1 when the bag is to be closed: a turn of battle is spent, or the hero is elsewhere. */
static u8 use_item(u8 in_battle) {
    const item_info_t *info = &items[g.chosen_item];
    word_a = info->name;
    switch (info->use) {
    case USE_HEAL:
    case USE_CURE:
    case USE_REVIVE:
    case USE_ETHER:
        return use_on_creature(info) && in_battle;
    case USE_CATCH:
        if (!in_battle) break;
        if (g.b.kind == BATTLE_TRAINER) {
            say("It belongs to somebody!");
            return 0;
        }
        return 1;
    case USE_REPEL:
        if (in_battle) break;
        g.s.repel_steps = REPEL_STEPS;
        remove_item(g.chosen_item, 1);
        g.s.items_used++;
        say("The \1 keeps wild creatures away.");
        return 0;
    case USE_ROPE:
        if (in_battle || !maps[g.s.map].cave) break;
        remove_item(g.chosen_item, 1);
        g.s.items_used++;
        say("You climb out with the \1.");
        return 1;
    case USE_MAP:
        if (in_battle) break;
        clear_screen();
        box(0, 0, 20, 18);
        put_text(4, 1, "TOWN  MAP");
        put_text(3, 4, "FERN HILL");
        put_text(6, 6, "|");
        put_text(3, 8, "REED PATH-HOLLOW");
        put_text(6, 10, "|");
        put_text(3, 12, "WILLOW TOWN");
        word_b = maps[g.s.map].name;
        put_text(2, 15, "You:");
        put_text(7, 15, word_b);
        g.mode = MODE_TOWN_MAP;
        wait_button(BUTTON_A | BUTTON_B);
        return 0;
    default:
        break;
    }
    say("This is not the time to use that.");
    return 0;
}

static void toss_item(void) {
    u8 count;
    if (items[g.chosen_item].key) {
        say("That is too important to throw away!");
        return;
    }
    count = choose_quantity(g.s.bag[find_item(g.chosen_item)].count, 0);
    if (!count) return;
    word_a = items[g.chosen_item].name;
    word_number = count;
    if (!ask_yes_no("Throw away \3 \1?")) return;
    remove_item(g.chosen_item, count);
    g.s.items_tossed += count;
    say("Thrown away.");
}

static const label_t field_actions[] = {"USE", "TOSS", "BACK"};
static const label_t battle_actions[] = {"USE", "BACK"};

/* Gives the item whose use ends the screen, or 0. */
u8 bag_screen(u8 in_battle) {
    u8 action;
    while (draw_bag_and_choose(MODE_BAG)) {
        if (in_battle) {
            action = choose_small(MODE_ITEM_MENU, 12, 4, 8, 2, battle_actions);
            if (action) continue;
        } else {
            action = choose_small(MODE_ITEM_MENU, 12, 4, 8, 3, field_actions);
        }
        if (action == 0) {
            if (use_item(in_battle)) return g.chosen_item;
        } else if (action == 1) {
            toss_item();
        }
    }
    return 0;
}
