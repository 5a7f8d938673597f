/*
 * exposed.h - a library with variables for everybody
 */
extern int exposed_mode;
extern const int exposed_constant;

int exposed_get(void);
void exposed_set(int mode);
