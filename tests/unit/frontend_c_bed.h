/* A vhost with one LUN and a mock backend, for the C test. */
#ifndef FRONTEND_C_BED_H
#define FRONTEND_C_BED_H

#ifdef __cplusplus
extern "C" {
#endif

void bed_start(void);
void bed_stop(void);
/* Commands are kept instead of answered. */
void bed_hold(int hold);
/* The backend closes, and comes back. */
void bed_restart(void);

#ifdef __cplusplus
}
#endif

#endif
