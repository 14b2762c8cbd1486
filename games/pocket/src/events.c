/* What people say and do, and what signs and things on the ground are good for. */
#include "game.h"

/* Gives the number of the person that stands there, or 0. */
u8 person_at(u8 x, u8 y) {
    u8 i;
    for (i = 1; i != PEOPLE; i++) {
        const person_info_t *person = &people[i];
        if (person->map == g.s.map && person->x == x && person->y == y) return i;
    }
    return 0;
}

u8 pickup_at(u8 x, u8 y) {
    u8 i;
    for (i = 1; i != PICKUPS; i++) {
        const pickup_info_t *pickup = &pickups[i];
        if (pickup->map == g.s.map && pickup->x == x && pickup->y == y && !has_flag(&g.s.picked, i)) {
            return i;
        }
    }
    return 0;
}

static void receive(const person_info_t *person) {
    if (person->role == ROLE_ITEM) {
        if (!add_item(person->detail, 1)) {
            say("Your bag is full.");
            return;
        }
        word_a = items[person->detail].name;
    } else {
        if (g.s.party_count == PARTY_SIZE) {
            say("Your party is full.");
            return;
        }
        make_creature(&g.b.enemy, person->detail, GIFT_LEVEL);
        join_party(&g.b.enemy);
        word_a = species[person->detail].name;
    }
    set_flag(&g.s.gifts, person->gift);
    say("You received \1!");
}

static void heal(void) {
    if (!ask_yes_no("Shall I heal your creatures?")) {
        say("Come back any time!");
        return;
    }
    heal_party();
    g.s.heals++;
    g.s.rest_map = g.s.map;
    fade_out();
    fade_in();
    say("They are all well again. Take care!");
}

/* Gives 0 when there is nobody. */
u8 talk_to(u8 index) {
    const person_info_t *person = &people[index];
    u8 trainer = 0, again;
    if (!index) return 0;
    turn_to_hero(index);
    open_over_map();
    again = person->role == ROLE_TRAINER ? has_flag(&g.s.beaten, person->detail)
          : person->gift ? has_flag(&g.s.gifts, person->gift)
          : has_flag(g.s.talked, index);
    set_flag(g.s.talked, index);
    say_text(again ? person->text_after : person->text);
    switch (person->role) {
    case ROLE_SHOP:
        shop();
        say("Come again!");
        break;
    case ROLE_HEALER:
        heal();
        break;
    case ROLE_ITEM:
    case ROLE_CREATURE:
        if (!again) receive(person);
        break;
    case ROLE_TRAINER:
        if (!again) trainer = person->detail;
        break;
    default:
        break;
    }
    turn_to_hero(0);
    if (trainer) fight(trainer);
    else close_to_map();
    return 1;
}

u8 take(u8 index) {
    if (!index) return 0;
    open_over_map();
    if (add_item(pickups[index].item, 1)) {
        set_flag(&g.s.picked, index);
        word_a = items[pickups[index].item].name;
        say("You found \1!");
    } else {
        say("Your bag is full.");
    }
    close_to_map();
    return 1;
}

void read_sign(u8 x, u8 y) {
    u8 i;
    for (i = 1; i != SIGNS; i++) {
        if (signs[i].map != g.s.map || signs[i].x != x || signs[i].y != y) continue;
        set_flag(&g.s.signs, i);
        open_over_map();
        say_text(signs[i].text);
        close_to_map();
        return;
    }
}
