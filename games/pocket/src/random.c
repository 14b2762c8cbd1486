/* Random numbers that move on only when one is drawn: the same seed and buttons give the same game. */
#include "engine.h"

u8 random_byte(void) {
    u16 value = g.seed;
    if (value == 0) value = 0xACE1; /* the generator never leaves zero */
    value ^= value << 7;
    value ^= value >> 9;
    value ^= value << 8;
    g.seed = value;
    return (u8)(value >> 3);
}

u8 random_below(u8 limit) {
    return (u8)(((u16)random_byte() * limit) >> 8);
}
