// CD, DVD and BD drives: MMC-6; the PLAY AUDIO family: MMC-4.
#include "backend/policy/row_terms.hpp"

namespace pvscsi::backend::policy {

namespace {

using namespace terms;

constexpr auto content = CommandClass::data;

/// The drive's region: it can be set a few times only.
bool sets_region(const CdbBytes& cdb) {
    return (cdb[10] & 0x3f) == 0x06;
}

constexpr std::array rows{
    Row{"FORMAT UNIT", cd, 0x04, all, erase},
    Row{"READ(6)", cd, 0x08, all, content, blocks_in(4, 1)},
    Row{"START STOP UNIT", cd, 0x1b, all, medium, none},
    Row{"READ FORMAT CAPACITIES", cd, 0x23, all, inquire, in(7, 2)},
    Row{"READ CAPACITY", cd, 0x25, all, inquire, some_in},
    Row{"READ(10)", cd, 0x28, all, content, blocks_in(7, 2)},
    Row{"WRITE(10)", cd, 0x2a, all, content, blocks_out(7, 2)},
    Row{"SEEK(10)", cd, 0x2b, all, content, none},
    Row{"WRITE AND VERIFY(10)", cd, 0x2e, all, content, blocks_out(7, 2)},
    Row{"VERIFY(10)", cd, 0x2f, all, content},
    Row{"SYNCHRONIZE CACHE", cd, 0x35, all, content, none},
    Row{"READ SUB-CHANNEL", cd, 0x42, all, inquire, in(7, 2)},
    Row{"READ TOC/PMA/ATIP", cd, 0x43, all, inquire, in(7, 2)},
    Row{"READ HEADER", cd, 0x44, all, inquire, in(7, 2)},
    Row{"PLAY AUDIO(10)", cd, 0x45, all, content, none},
    Row{"GET CONFIGURATION", cd, 0x46, all, inquire, in(7, 2)},
    Row{"PLAY AUDIO MSF", cd, 0x47, all, content, none},
    Row{"PLAY AUDIO TRACK INDEX", cd, 0x48, all, content, none},
    Row{"PLAY TRACK RELATIVE(10)", cd, 0x49, all, content, none},
    Row{"GET EVENT STATUS NOTIFICATION", cd, 0x4a, all, inquire, in(7, 2)},
    Row{"PAUSE/RESUME", cd, 0x4b, all, content, none},
    Row{"STOP PLAY/SCAN", cd, 0x4e, all, content, none},
    Row{"READ DISC INFORMATION", cd, 0x51, all, inquire, in(7, 2)},
    Row{"READ TRACK INFORMATION", cd, 0x52, all, inquire, in(7, 2)},
    Row{"RESERVE TRACK", cd, 0x53, all, content, none},
    Row{"SEND OPC INFORMATION", cd, 0x54, all, content, out(7, 2)},
    Row{"REPAIR TRACK", cd, 0x58, all, content, none},
    Row{"CLOSE TRACK SESSION", cd, 0x5b, all, content, none},
    Row{"READ BUFFER CAPACITY", cd, 0x5c, all, inquire, in(7, 2)},
    Row{"SEND CUE SHEET", cd, 0x5d, all, content, out(6, 3)},
    Row{"BLANK", cd, 0xa1, all, erase, none},
    // SPC's for all types of device; its service action is a reserved field of SEND KEY.
    Row{"REPORT SUPPORTED OPERATION CODES", cd, 0xa3, 0x0c, inquire, in(6, 4)},
    Row{"SEND KEY",
        cd,
        0xa3,
        all,
        configure,
        out(8, 2),
        {},
        sets_region,
        "sets the region",
        {10, 5}},
    Row{"SEND KEY", cd, 0xa3, all, content, out(8, 2)},
    Row{"REPORT KEY", cd, 0xa4, all, content, in(8, 2)},
    Row{"PLAY AUDIO(12)", cd, 0xa5, all, content, none},
    Row{"LOAD/UNLOAD MEDIUM", cd, 0xa6, all, medium, none},
    Row{"SET READ AHEAD", cd, 0xa7, all, configure, none},
    Row{"READ(12)", cd, 0xa8, all, content, blocks_in(6, 4)},
    Row{"WRITE(12)", cd, 0xaa, all, content, blocks_out(6, 4)},
    Row{"GET PERFORMANCE", cd, 0xac, all, inquire},
    Row{"READ DISC STRUCTURE", cd, 0xad, all, inquire, in(8, 2)},
    Row{"VERIFY(12)", cd, 0xaf, all, content},
    Row{"SET STREAMING", cd, 0xb6, all, configure, out(9, 2)},
    Row{"READ CD MSF", cd, 0xb9, all, content},
    Row{"SCAN", cd, 0xba, all, content, none},
    Row{"SET CD SPEED", cd, 0xbb, all, configure, none},
    Row{"MECHANISM STATUS", cd, 0xbd, all, inquire, in(8, 2)},
    Row{"READ CD", cd, 0xbe, all, content},
    Row{"SEND DISC STRUCTURE", cd, 0xbf, all, content, out(8, 2)},
};

} // namespace

std::span<const Row> optical_rows() noexcept {
    return rows;
}

} // namespace pvscsi::backend::policy
