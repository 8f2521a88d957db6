/* Clocks, in milliseconds and microseconds. */
#ifndef CDC_CLOCK_H
#define CDC_CLOCK_H

#include <stdint.h>

int64_t cdc_clock_wall_ms(void); /* since 1970, UTC */
int64_t cdc_clock_wall_us(void);
int64_t cdc_clock_mono_ms(void); /* never goes back; for deadlines */
int64_t cdc_clock_mono_us(void);
void cdc_clock_sleep_ms(int64_t ms); /* ends early on a signal */

/* Civil date of days since 1970-01-01 and back (proleptic Gregorian; Howard Hinnant's algorithms).
 */
void cdc_clock_civil(int64_t days, int *year, unsigned *month, unsigned *day);
int64_t cdc_clock_days(int year, unsigned month, unsigned day);

#endif
