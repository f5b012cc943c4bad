/* Lines to stderr with the <N> priority prefix that the journal reads. Thread-safe; one write per line. */
#ifndef PET_BASE_LOG_H
#define PET_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

/* `name` is borrowed and must outlive the process's logging. Level from PET_LOG (error … debug), default info. */
void log_init(const char *name);
void log_at(enum log_level level, const char *fmt, ...) PET_PRINTF(2, 3);

#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_at(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_at(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_at(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)

#endif
