/* Pictures of creatures: unpacked, and mirrored where one looks the other way. */
#include "game.h"

#define COLUMN_BYTES 40  /* of each of the two bits of a dot */

static u8 unpacked[PICTURE_TILES * 16];

static u8 mirror_byte(u8 byte) {
    u8 result = 0, i;
    for (i = 0; i != 8; i++) {
        result = result << 1 | (byte & 1);
        byte >>= 1;
    }
    return result;
}

void load_picture(u8 kind, u8 tile, u8 mirrored) {
    const u8 *source = species[kind].picture;
    u8 *target;
    u8 bit, column, left, count = 0, run = 0, byte = 0;
    for (bit = 0; bit != 2; bit++) {
        for (column = 0; column != 5; column++) {
            target = unpacked + (mirrored ? 4 - column : column) * (COLUMN_BYTES * 2) + bit;
            for (left = COLUMN_BYTES; left; left--) {
                if (!count) {
                    count = *source++;
                    run = count & 0x80;
                    count &= 0x7F;
                    if (run) byte = *source++;
                }
                if (!run) byte = *source++;
                count--;
                *target = mirrored ? mirror_byte(byte) : byte;
                target += 2;
            }
        }
    }
    load_tiles(unpacked, tile, PICTURE_TILES);
}

/* Five by five tiles, column after column; tile 0 clears the place. */
void put_picture(u8 x, u8 y, u8 tile) {
    u8 row, column;
    for (column = 0; column != 5; column++) {
        for (row = 0; row != 5; row++) {
            put(x + column, y + row, tile);
            if (tile) tile++;
        }
    }
}
