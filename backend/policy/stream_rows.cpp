// Tape drives: SSC-5. Libraries' robots: SMC-3. Printers, scanners and processors: SCSI-2.
#include "backend/policy/row_terms.hpp"

namespace pvscsi::backend::policy {

namespace {

using namespace terms;

constexpr auto content = CommandClass::data;

bool fixed_blocks(const CdbBytes& cdb) {
    return (cdb[1] & 0x01) != 0;
}

constexpr std::array tapes{
    Row{"REWIND", tape, 0x01, all, content, none},
    Row{"FORMAT MEDIUM", tape, 0x04, all, erase, out(3, 2)},
    Row{"READ BLOCK LIMITS", tape, 0x05, all, inquire, some_in},
    Row{"READ(6)", tape, 0x08, all, content, in(2, 3)},
    Row{"WRITE(6)", tape, 0x0a, all, content, blocks_out(2, 3), {}, fixed_blocks, "FIXED"},
    Row{"WRITE(6)", tape, 0x0a, all, content, out(2, 3)},
    Row{"SET CAPACITY", tape, 0x0b, all, erase, none},
    Row{"READ REVERSE(6)", tape, 0x0f, all, content, in(2, 3)},
    Row{"WRITE FILEMARKS(6)", tape, 0x10, all, content, none},
    Row{"SPACE(6)", tape, 0x11, all, content, none},
    Row{"VERIFY(6)", tape, 0x13, all, content},
    Row{"RECOVER BUFFERED DATA", tape, 0x14, all, content, in(2, 3)},
    Row{"ERASE(6)", tape, 0x19, all, erase, none},
    Row{"LOAD UNLOAD", tape, 0x1b, all, medium, none},
    Row{"LOCATE(10)", tape, 0x2b, all, content, none},
    Row{"READ POSITION", tape, 0x34, all, inquire, some_in},
    Row{"REPORT DENSITY SUPPORT", tape, 0x44, all, inquire, in(7, 2)},
    Row{"WRITE FILEMARKS(16)", tape, 0x80, all, content, none},
    Row{"READ REVERSE(16)", tape, 0x81, all, content, in(12, 3)},
    Row{"ALLOW OVERWRITE", tape, 0x82, all, content, none},
    Row{"READ(16)", tape, 0x88, all, content, in(12, 3)},
    Row{"WRITE(16)", tape, 0x8a, all, content, blocks_out(12, 3), {}, fixed_blocks, "FIXED"},
    Row{"WRITE(16)", tape, 0x8a, all, content, out(12, 3)},
    Row{"VERIFY(16)", tape, 0x8f, all, content},
    Row{"SPACE(16)", tape, 0x91, all, content, out(12, 2)},
    Row{"LOCATE(16)", tape, 0x92, all, content, none},
    Row{"ERASE(16)", tape, 0x93, all, erase, none},
    Row{"MOVE MEDIUM ATTACHED", tape, 0xa7, all, medium, none},
    Row{"READ ELEMENT STATUS ATTACHED", tape, 0xb4, all, inquire, in(7, 3)},
};

constexpr std::array robots{
    Row{"INITIALIZE ELEMENT STATUS", changer, 0x07, all, medium, none},
    Row{"OPEN/CLOSE IMPORT/EXPORT ELEMENT", changer, 0x1b, all, medium, none},
    Row{"POSITION TO ELEMENT", changer, 0x2b, all, medium, none},
    Row{"INITIALIZE ELEMENT STATUS WITH RANGE", changer, 0x37, all, medium, none},
    Row{"MOVE MEDIUM", changer, 0xa5, all, medium, none},
    Row{"EXCHANGE MEDIUM", changer, 0xa6, all, medium, none},
    Row{"REQUEST VOLUME ELEMENT ADDRESS", changer, 0xb5, all, inquire, in(7, 3)},
    Row{"SEND VOLUME TAG", changer, 0xb6, all, medium, out(8, 2)},
    Row{"READ ELEMENT STATUS", changer, 0xb8, all, inquire, in(7, 3)},
};

constexpr std::array scanners{
    Row{"RECEIVE", scanner, 0x08, all, content},
    Row{"SEND(6), PRINT", scanner, 0x0a, all, content},
    Row{"SLEW AND PRINT", scanner, 0x0b, all, content},
    Row{"SYNCHRONIZE BUFFER", scanner, 0x10, all, content},
    Row{"SCAN, STOP PRINT", scanner, 0x1b, all, content},
    Row{"SET WINDOW", scanner, 0x24, all, content},
    Row{"GET WINDOW", scanner, 0x25, all, inquire},
    Row{"READ(10)", scanner, 0x28, all, content},
    Row{"SEND(10)", scanner, 0x2a, all, content},
    Row{"OBJECT POSITION", scanner, 0x31, all, medium},
    Row{"GET DATA BUFFER STATUS", scanner, 0x34, all, inquire},
};

} // namespace

std::span<const Row> stream_rows() noexcept {
    return tapes;
}
std::span<const Row> changer_rows() noexcept {
    return robots;
}
std::span<const Row> scanner_rows() noexcept {
    return scanners;
}

} // namespace pvscsi::backend::policy
