/* The registers of the machine that the game uses. */
#ifndef HARDWARE_H
#define HARDWARE_H

__sfr __at(0x00) JOYPAD;
__sfr __at(0x0F) INTERRUPTS_PENDING;
__sfr __at(0x40) LCD_CONTROL;
__sfr __at(0x48) SPRITE_PALETTE_0;
__sfr __at(0x49) SPRITE_PALETTE_1;
__sfr __at(0x4A) WINDOW_Y;
__sfr __at(0x4B) WINDOW_X;
__sfr __at(0xFF) INTERRUPTS_ENABLED;

#endif
