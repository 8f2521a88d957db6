/* Functions that this project does not use, and why. Forced into every translation unit by the
 * build
 * (-include), so that a use fails to compile with the name of the cure. */
#ifndef CDC_BANNED_H
#define CDC_BANNED_H

/* The system headers come first, so that only our own calls meet the macros below. */
#include <alloca.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CDC_BANNED(name, instead) banned_##name##_use_##instead

#undef strcpy
#define strcpy(d, s) CDC_BANNED(strcpy, cdc_buffer)
#undef strcat
#define strcat(d, s) CDC_BANNED(strcat, cdc_buffer)
#undef strncpy
#define strncpy(d, s, n) CDC_BANNED(strncpy, snprintf)
#undef sprintf
#define sprintf(...) CDC_BANNED(sprintf, snprintf)
#undef vsprintf
#define vsprintf(...) CDC_BANNED(vsprintf, vsnprintf)
#undef strtok
#define strtok(s, d) CDC_BANNED(strtok, strtok_r)
#undef atoi
#define atoi(s) CDC_BANNED(atoi, strtol)
#undef sscanf
#define sscanf(...) CDC_BANNED(sscanf, strtol)
#undef alloca
#define alloca(n) CDC_BANNED(alloca, cdc_arena)
#undef localtime
#define localtime(t) CDC_BANNED(localtime, localtime_r)
#undef gmtime
#define gmtime(t) CDC_BANNED(gmtime, gmtime_r)
#undef setlocale
#define setlocale(c, l) CDC_BANNED(setlocale, nothing)

#endif
