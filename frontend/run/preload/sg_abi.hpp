// The sg driver's interface. The C library's <scsi/sg.h> has stopped at Linux 2.4; the rest is
// from the kernel's include/scsi/sg.h.
#pragma once

#include <scsi/scsi.h>
#include <scsi/scsi_ioctl.h>
#include <scsi/sg.h>

#ifndef SG_FLAG_MMAP_IO
#define SG_FLAG_MMAP_IO 4
#endif
#ifndef SG_SCSI_RESET_TARGET
#define SG_SCSI_RESET_TARGET 4
#endif
#ifndef SG_SCSI_RESET_NO_ESCALATE
#define SG_SCSI_RESET_NO_ESCALATE 0x100
#endif
#ifndef SG_GET_ACCESS_COUNT
#define SG_GET_ACCESS_COUNT 0x2289
#endif
#ifndef SCSI_IOCTL_PROBE_HOST
#define SCSI_IOCTL_PROBE_HOST 0x5385
#endif
