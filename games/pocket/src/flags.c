/* Bits by number, lowest first. */
#include "game.h"

static u8 bit_of(u8 number) {
    return 1 << (number & 7);
}

u8 has_flag(const u8 *flags, u8 number) {
    return (flags[number >> 3] & bit_of(number)) != 0;
}

void set_flag(u8 *flags, u8 number) {
    flags[number >> 3] |= bit_of(number);
}
