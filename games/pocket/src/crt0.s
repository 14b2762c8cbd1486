; Start-up code, interrupt vectors and the vertical blank handler.
; The picture memory is only touched in vertical blank, so the screen never has to be switched off.

        .module crt0
        .globl  _main
        .globl  _vblank_seen, _job_kind, _job_source, _job_target, _job_count
        .globl  _scroll_x, _scroll_y, _lcd_control, _palette
        .globl  _g

FRAME_OFFSET = 6                ; of state_t.frame

        .area   _HEADER (ABS)
        .org    0x00
        ret
        .org    0x40            ; vertical blank
        jp      vblank
        .org    0x48
        reti
        .org    0x50
        reti
        .org    0x58
        reti
        .org    0x60
        reti

        .org    0x100
        nop
        jp      start
        .org    0x150
start:
        di
        ld      sp, #0xE000
wait_for_blank:                 ; the screen may only be switched off in vertical blank
        ldh     a, (0x44)
        cp      #144
        jr      c, wait_for_blank
        xor     a
        ldh     (0x40), a
        ld      hl, #0xC000     ; what the machine left in its memory must not matter
        ld      bc, #0x1FF0
clear_work:
        xor     a
        ld      (hl+), a
        dec     bc
        ld      a, b
        or      c
        jr      nz, clear_work
        ld      hl, #0x8000
        ld      bc, #0x2000
clear_video:
        xor     a
        ld      (hl+), a
        dec     bc
        ld      a, b
        or      c
        jr      nz, clear_video
        ld      hl, #dma_routine
        ld      de, #0xFF80
        ld      b, #dma_routine_end - dma_routine
copy_dma:
        ld      a, (hl+)
        ld      (de), a
        inc     de
        dec     b
        jr      nz, copy_dma
        call    _main
halted:
        halt
        nop
        jr      halted

; Runs from 0xFF80: while sprites are copied, the processor reaches nothing else.
dma_routine:
        ld      a, #0xC3
        ldh     (0x46), a
        ld      a, #40
dma_wait:
        dec     a
        jr      nz, dma_wait
        ret
dma_routine_end:

; The room ends where the code that the linker places begins.
        .area   _HOME
        .area   _CODE
        .area   _INITIALIZER
        .area   _GSINIT
        .area   _GSFINAL
        .area   _DATA
        .area   _INITIALIZED
        .area   _BSS
        .area   _HEAP

        .area   _HOME
vblank:
        push    af
        push    bc
        push    de
        push    hl
        call    0xFF80
        ld      a, (_scroll_x)
        ldh     (0x43), a
        ld      a, (_scroll_y)
        ldh     (0x42), a
        ld      a, (_lcd_control)
        ldh     (0x40), a
        ld      a, (_palette)
        ldh     (0x47), a
        ld      a, (_job_kind)
        or      a
        jr      z, no_job
        ld      hl, #_job_source
        ld      e, (hl)
        inc     hl
        ld      d, (hl)
        ld      hl, #_job_count
        ld      b, (hl)
        ld      hl, #_job_target
        push    af
        ld      a, (hl+)
        ld      h, (hl)
        ld      l, a
        pop     af
        dec     a
        jr      z, rows
        dec     a
        jp      z, tiles
        jp      cells
job_done:
        xor     a
        ld      (_job_kind), a
no_job:
        ld      hl, #_g + FRAME_OFFSET
        inc     (hl)
        jr      nz, no_carry
        inc     hl
        inc     (hl)
no_carry:
        ld      a, #1
        ld      (_vblank_seen), a
        pop     hl
        pop     de
        pop     bc
        pop     af
        reti

; Rows of 20 letters into a map that is 32 wide.
rows:
        .rept   20
        ld      a, (de)
        inc     de
        ld      (hl+), a
        .endm
        ld      a, l
        add     a, #12
        ld      l, a
        jr      nc, same_page
        inc     h
same_page:
        dec     b
        jp      nz, rows
        jp      job_done

tiles:
        .rept   16
        ld      a, (de)
        inc     de
        ld      (hl+), a
        .endm
        dec     b
        jp      nz, tiles
        jp      job_done

; Cells of two by two tiles, each with its own address; cells lie on even rows and columns.
cells:
        ld      a, (de)
        inc     de
        ld      l, a
        ld      a, (de)
        inc     de
        ld      h, a
        ld      a, (de)
        inc     de
        ld      (hl+), a
        ld      a, (de)
        inc     de
        ld      (hl), a
        dec     l
        set     5, l
        ld      a, (de)
        inc     de
        ld      (hl+), a
        ld      a, (de)
        inc     de
        ld      (hl), a
        dec     b
        jp      nz, cells
        jp      job_done
