/* The save in the cartridge's battery memory, with a checksum over what is kept. */
#include "game.h"

#define RAM_ENABLE (*(volatile u8 *)0x0000)
#define SAVE_VERSION 1

typedef struct {
    char mark[4];
    u8 version;
    u16 checksum;
    u16 seed;
    saved_t saved;
} save_file_t;

static volatile save_file_t *const file = (volatile save_file_t *)0xA000;

static u16 checksum(const volatile u8 *bytes) {
    u16 sum = 0x1234, i;
    for (i = 0; i != sizeof(saved_t); i++) sum = (sum << 1 | sum >> 15) ^ bytes[i];
    return sum;
}

static void copy(volatile u8 *target, const volatile u8 *source) {
    u16 i;
    for (i = 0; i != sizeof(saved_t); i++) target[i] = source[i];
}

void save_game(void) {
    g.s.saves++;
    RAM_ENABLE = 0x0A;
    file->mark[0] = 0; /* a save that is cut off must not look whole */
    copy((volatile u8 *)&file->saved, (u8 *)&g.s);
    file->version = SAVE_VERSION;
    file->seed = g.seed;
    file->checksum = checksum((u8 *)&g.s);
    file->mark[1] = 'C';
    file->mark[2] = 'K';
    file->mark[3] = 'T';
    file->mark[0] = 'P';
    RAM_ENABLE = 0;
}

/* Gives 1 and fills the state when there is a whole save. */
u8 load_game(void) {
    u8 whole;
    RAM_ENABLE = 0x0A;
    whole = file->mark[0] == 'P' && file->mark[1] == 'C' && file->mark[2] == 'K' &&
            file->mark[3] == 'T' && file->version == SAVE_VERSION &&
            file->checksum == checksum((volatile u8 *)&file->saved);
    if (whole) {
        copy((u8 *)&g.s, (volatile u8 *)&file->saved);
        g.seed = file->seed;
    }
    RAM_ENABLE = 0;
    return whole;
}
