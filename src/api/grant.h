/* The two path rules of table data_grant, on paths from safepath_clean. */
#ifndef PET_API_GRANT_H
#define PET_API_GRANT_H

/* input_path: the path itself, `folder` + slash-star for everything below it, or `*` for everything. */
int grant_covers(const char *clean, const char *input_path);
/* output_dir: the path lies below it; "" holds nothing, "." and "data" hold everything. */
int grant_holds(const char *clean, const char *output_dir);

#endif
