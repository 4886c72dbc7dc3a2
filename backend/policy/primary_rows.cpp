// What all device types have: SPC-5; SPC-3 and SPC-2 for what is obsolete; SAT-4 for ATA.
#include "backend/policy/row_terms.hpp"

#include <algorithm>

namespace pvscsi::backend::policy {

namespace {

using namespace terms;

constexpr std::uint8_t but_cd = any_kind & ~cd;
constexpr std::uint8_t but_changer = any_kind & ~changer;

bool third_party(const CdbBytes& cdb) {
    return (cdb[1] & 0x10) != 0;
}
bool takes_offline(const CdbBytes& cdb) {
    return (cdb[1] & 0x03) != 0; // DEVOFFL, UNITOFFL
}
bool of_tape_encryption(const CdbBytes& cdb) {
    return cdb[1] == 0x20; // SSC-5 8.5: tape data encryption
}

/// IDENTIFY (PACKET) DEVICE, CHECK POWER MODE, READ LOG (DMA) EXT, and of SMART: READ DATA, READ
/// THRESHOLDS, EXECUTE OFF-LINE IMMEDIATE, READ LOG, RETURN STATUS (ACS-4).
bool harmless_ata(std::uint8_t command, std::uint8_t features) {
    constexpr std::array<std::uint8_t, 5> commands{0xec, 0xa1, 0xe5, 0x2f, 0x47};
    constexpr std::array<std::uint8_t, 5> smart{0xd0, 0xd1, 0xd4, 0xd5, 0xda};
    const auto& list = command == 0xb0 ? smart : commands;
    const std::uint8_t wanted = command == 0xb0 ? features : command;
    return std::find(list.begin(), list.end(), wanted) != list.end();
}
/// DOWNLOAD MICROCODE and its DMA form.
bool ata_firmware(std::uint8_t command) {
    return command == 0x92 || command == 0x93;
}
bool harmless_ata_16(const CdbBytes& cdb) {
    return harmless_ata(cdb[14], cdb[4]);
}
bool harmless_ata_12(const CdbBytes& cdb) {
    return harmless_ata(cdb[9], cdb[3]);
}
bool ata_firmware_16(const CdbBytes& cdb) {
    return ata_firmware(cdb[14]);
}
bool ata_firmware_12(const CdbBytes& cdb) {
    return ata_firmware(cdb[9]);
}
constexpr std::string_view loads_microcode = "DOWNLOAD MICROCODE";
constexpr std::string_view identify_or_smart = "IDENTIFY, SMART reads, READ LOG";

constexpr std::array rows{
    Row{"TEST UNIT READY", any_kind, 0x00, all, inquire, none},
    Row{"REQUEST SENSE", any_kind, 0x03, all, inquire, in(4, 1)},
    Row{"INQUIRY", any_kind, 0x12, all, inquire, in(3, 2)},
    Row{"MODE SELECT(6)", any_kind, 0x15, all, configure, out(4, 1), mode_pages},
    Row{"RESERVE(6)", any_kind, 0x16, all, reserve_others, unknown, {}, third_party, "3RDPTY"},
    Row{"RESERVE(6)", any_kind, 0x16, all, reserve, out(3, 2)},
    Row{"RELEASE(6)", any_kind, 0x17, all, reserve_others, unknown, {}, third_party, "3RDPTY"},
    Row{"RELEASE(6)", any_kind, 0x17, all, reserve, none},
    Row{"COPY", any_kind, 0x18, all, copy_others},
    Row{"MODE SENSE(6)", any_kind, 0x1a, all, inquire, in(4, 1)},
    Row{"RECEIVE DIAGNOSTIC RESULTS", any_kind, 0x1c, all, inquire, in(3, 2)},
    Row{"SEND DIAGNOSTIC",
        any_kind,
        0x1d,
        all,
        CommandClass::device,
        unknown,
        {},
        takes_offline,
        "DEVOFFL, UNITOFFL",
        {1, 1}},
    Row{"SEND DIAGNOSTIC", any_kind, 0x1d, all, diagnose, out(3, 2), diagnostic_page},
    Row{"PREVENT ALLOW MEDIUM REMOVAL", any_kind, 0x1e, all, medium, none},
    Row{"COMPARE", any_kind, 0x39, all, copy_others},
    Row{"COPY AND VERIFY", any_kind, 0x3a, all, copy_others},
    Row{"WRITE BUFFER: data", any_kind, 0x3b, 0x02, diagnose, out(6, 3)},
    Row{"WRITE BUFFER: download microcode", any_kind, 0x3b, 0x04, firmware},
    Row{"WRITE BUFFER: microcode, save", any_kind, 0x3b, 0x05, firmware},
    Row{"WRITE BUFFER: microcode, offsets", any_kind, 0x3b, 0x06, firmware},
    Row{"WRITE BUFFER: microcode, offsets, save", any_kind, 0x3b, 0x07, firmware},
    Row{"WRITE BUFFER: echo buffer", any_kind, 0x3b, 0x0a, diagnose, out(6, 3)},
    Row{"WRITE BUFFER: microcode, select activation", any_kind, 0x3b, 0x0d, firmware},
    Row{"WRITE BUFFER: microcode, defer", any_kind, 0x3b, 0x0e, firmware},
    Row{"WRITE BUFFER: activate deferred microcode", any_kind, 0x3b, 0x0f, firmware},
    Row{"WRITE BUFFER: enable expander", any_kind, 0x3b, 0x1a, CommandClass::device},
    Row{"WRITE BUFFER: disable expander", any_kind, 0x3b, 0x1b, CommandClass::device},
    Row{"WRITE BUFFER: error history", any_kind, 0x3b, 0x1c, diagnose, out(6, 3)},
    Row{"READ BUFFER(10): vendor's", any_kind, 0x3c, 0x01, vendor, in(6, 3)},
    Row{"READ BUFFER(10)", any_kind, 0x3c, all, inquire, in(6, 3)},
    Row{"CHANGE DEFINITION", any_kind, 0x40, all, CommandClass::device},
    Row{"LOG SELECT", any_kind, 0x4c, all, configure, out(7, 2)},
    Row{"LOG SENSE", any_kind, 0x4d, all, inquire, in(7, 2)},
    Row{"MODE SELECT(10)", any_kind, 0x55, all, configure, out(7, 2), mode_pages},
    Row{"RESERVE(10)", any_kind, 0x56, all, reserve_others, unknown, {}, third_party, "3RDPTY"},
    Row{"RESERVE(10)", any_kind, 0x56, all, reserve, out(7, 2)},
    Row{"RELEASE(10)", any_kind, 0x57, all, reserve_others, unknown, {}, third_party, "3RDPTY"},
    Row{"RELEASE(10)", any_kind, 0x57, all, reserve, out(7, 2)},
    Row{"MODE SENSE(10)", any_kind, 0x5a, all, inquire, in(7, 2)},
    Row{"PERSISTENT RESERVE IN", any_kind, 0x5e, all, inquire, in(7, 2)},
    Row{"PR OUT: REGISTER", any_kind, 0x5f, 0x00, reserve, out(5, 4), registration_flags},
    Row{"PR OUT: RESERVE", any_kind, 0x5f, 0x01, reserve, out(5, 4)},
    Row{"PR OUT: RELEASE", any_kind, 0x5f, 0x02, reserve, out(5, 4)},
    Row{"PR OUT: CLEAR", any_kind, 0x5f, 0x03, reserve, out(5, 4)},
    Row{"PR OUT: PREEMPT", any_kind, 0x5f, 0x04, reserve, out(5, 4)},
    Row{"PR OUT: PREEMPT AND ABORT", any_kind, 0x5f, 0x05, reserve, out(5, 4)},
    Row{"PR OUT: REGISTER AND IGNORE EXISTING KEY", any_kind, 0x5f, 0x06, reserve, out(5, 4),
        registration_flags},
    Row{"PR OUT: REGISTER AND MOVE", any_kind, 0x5f, 0x07, reserve_others, out(5, 4)},
    Row{"PR OUT: REPLACE LOST RESERVATION", any_kind, 0x5f, 0x08, reserve_others, out(5, 4)},
    Row{"EXTENDED COPY(LID1)", any_kind, 0x83, 0x00, copy, out(10, 4), copy_descriptors},
    Row{"EXTENDED COPY(LID4)", any_kind, 0x83, 0x01, copy_others, out(10, 4)},
    Row{"POPULATE TOKEN", any_kind, 0x83, 0x10, CommandClass::data, out(10, 4)},
    Row{"WRITE USING TOKEN", any_kind, 0x83, 0x11, CommandClass::data, out(10, 4)},
    Row{"COPY OPERATION ABORT", any_kind, 0x83, 0x1c, copy, none},
    Row{"RECEIVE COPY RESULTS", any_kind, 0x84, all, inquire, in(10, 4)},
    Row{"ATA PASS-THROUGH(16)",
        any_kind,
        0x85,
        all,
        firmware,
        unknown,
        {},
        ata_firmware_16,
        loads_microcode,
        {14, 7}},
    Row{"ATA PASS-THROUGH(16)",
        any_kind,
        0x85,
        all,
        diagnose,
        unknown,
        {},
        harmless_ata_16,
        identify_or_smart,
        {14, 7}},
    Row{"ATA PASS-THROUGH(16)", any_kind, 0x85, all, ata},
    Row{"ACCESS CONTROL IN", any_kind, 0x86, all, ports},
    Row{"ACCESS CONTROL OUT", any_kind, 0x87, all, ports},
    Row{"READ ATTRIBUTE", any_kind, 0x8c, all, inquire, in(10, 4)},
    Row{"WRITE ATTRIBUTE", any_kind, 0x8d, all, CommandClass::data, out(10, 4)},
    Row{"READ BUFFER(16): vendor's", any_kind, 0x9b, 0x01, vendor, in(10, 4)},
    Row{"READ BUFFER(16)", any_kind, 0x9b, all, inquire, in(10, 4)},
    Row{"REPORT LUNS", any_kind, 0xa0, all, inquire, in(6, 4)},
    Row{"ATA PASS-THROUGH(12)",
        but_cd,
        0xa1,
        all,
        firmware,
        unknown,
        {},
        ata_firmware_12,
        loads_microcode,
        {9, 7}},
    Row{"ATA PASS-THROUGH(12)",
        but_cd,
        0xa1,
        all,
        diagnose,
        unknown,
        {},
        harmless_ata_12,
        identify_or_smart,
        {9, 7}},
    Row{"ATA PASS-THROUGH(12)", but_cd, 0xa1, all, ata},
    Row{"SECURITY PROTOCOL IN", any_kind, 0xa2, all, inquire, in(6, 4)},
    Row{"REPORT IDENTIFYING INFORMATION", but_cd, 0xa3, 0x05, inquire, in(6, 4)},
    Row{"REPORT TARGET PORT GROUPS", but_cd, 0xa3, 0x0a, inquire, in(6, 4)},
    Row{"REPORT ALIASES", but_cd, 0xa3, 0x0b, ports, in(6, 4)},
    Row{"REPORT SUPPORTED OPERATION CODES", but_cd, 0xa3, 0x0c, inquire, in(6, 4)},
    Row{"REPORT SUPPORTED TASK MANAGEMENT FUNCTIONS", but_cd, 0xa3, 0x0d, inquire, in(6, 4)},
    Row{"REPORT PRIORITY", but_cd, 0xa3, 0x0e, inquire, in(6, 4)},
    Row{"REPORT TIMESTAMP", but_cd, 0xa3, 0x0f, inquire, in(6, 4)},
    Row{"MANAGEMENT PROTOCOL IN", but_cd, 0xa3, 0x10, CommandClass::device, in(6, 4)},
    Row{"SET IDENTIFYING INFORMATION", but_cd, 0xa4, 0x06, configure, out(6, 4)},
    Row{"SET TARGET PORT GROUPS", but_cd, 0xa4, 0x0a, ports, out(6, 4)},
    Row{"CHANGE ALIASES", but_cd, 0xa4, 0x0b, ports, out(6, 4)},
    Row{"REMOVE I_T NEXUS", but_cd, 0xa4, 0x0c, ports, out(6, 4)},
    Row{"SET PRIORITY", but_cd, 0xa4, 0x0e, ports, out(6, 4)},
    Row{"SET TIMESTAMP", but_cd, 0xa4, 0x0f, configure, out(6, 4)},
    Row{"MANAGEMENT PROTOCOL OUT", but_cd, 0xa4, 0x10, CommandClass::device, out(6, 4)},
    Row{"READ MEDIA SERIAL NUMBER", any_kind, 0xab, 0x01, inquire, in(6, 4)},
    // With INC_512 the length counts 512 bytes each.
    Row{"SECURITY PROTOCOL OUT",
        but_changer,
        0xb5,
        all,
        encrypt,
        blocks_out(6, 4),
        {},
        of_tape_encryption,
        "tape data encryption",
        {1, 7}},
    Row{"SECURITY PROTOCOL OUT", but_changer, 0xb5, all, security, blocks_out(6, 4)},
};

} // namespace

std::span<const Row> primary_rows() noexcept {
    return rows;
}

} // namespace pvscsi::backend::policy
