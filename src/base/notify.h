/* sd_notify(3) by hand: a datagram to $NOTIFY_SOCKET. Without that variable every call does nothing. */
#ifndef PET_BASE_NOTIFY_H
#define PET_BASE_NOTIFY_H

#include <stdint.h>

/* Reads and clears NOTIFY_SOCKET and WATCHDOG_USEC, so that children do not speak for this process. Call first. */
void notify_init(void);
void notify_ready(const char *status);	/* status may be NULL */
void notify_stopping(void);
/* SIGHUP: systemd wants the reload bracketed by RELOADING and READY. */
void notify_reloading(void);
void notify_watchdog(void);
/* How often notify_watchdog should be called, in ms (half of what systemd allows); 0: no watchdog. */
int64_t notify_watchdog_ms(void);

#endif
