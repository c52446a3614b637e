/* Start-up of a C program on a Cortex-M board: turns on the FPU and goes on to the C library. */
#include <stdint.h>

extern char stack_top[];
extern void _start(void);

static void reset(void)
{
    *(volatile uint32_t *)0xe000ed88 |= 0xf00000; /* CPACR: the FPU's two coprocessors */
    __asm__ volatile("dsb\n\tisb");
    _start();
}

static void fault(void)
{
    for (;;)
        ;
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault,
};
