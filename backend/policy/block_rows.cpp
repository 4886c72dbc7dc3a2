// Disks: SBC-4, ZBC-2; ERASE of optical memory: SBC-2.
#include "backend/policy/row_terms.hpp"

namespace pvscsi::backend::policy {

namespace {

using namespace terms;

constexpr auto content = CommandClass::data;

constexpr std::array rows{
    Row{"REZERO UNIT", disk, 0x01, all, content, none},
    Row{"FORMAT UNIT", disk, 0x04, all, erase},
    Row{"REASSIGN BLOCKS", disk, 0x07, all, erase},
    Row{"READ(6)", disk, 0x08, all, content, blocks_in(4, 1)},
    Row{"WRITE(6)", disk, 0x0a, all, content, Transfer{Moves::out_blocks, 4, 1, true}},
    Row{"SEEK(6)", disk, 0x0b, all, content, none},
    Row{"START STOP UNIT", disk, 0x1b, all, medium, none},
    Row{"READ CAPACITY(10)", disk, 0x25, all, inquire, some_in},
    Row{"READ(10)", disk, 0x28, all, content, blocks_in(7, 2)},
    Row{"WRITE(10)", disk, 0x2a, all, content, blocks_out(7, 2)},
    Row{"SEEK(10)", disk, 0x2b, all, content, none},
    Row{"ERASE(10)", disk, 0x2c, all, erase, none},
    Row{"WRITE AND VERIFY(10)", disk, 0x2e, all, content, blocks_out(7, 2)},
    Row{"VERIFY(10)", disk, 0x2f, all, content, verified(7, 2)},
    Row{"PRE-FETCH(10)", disk, 0x34, all, content, none},
    Row{"SYNCHRONIZE CACHE(10)", disk, 0x35, all, content, none},
    Row{"LOCK UNLOCK CACHE(10)", disk, 0x36, all, content, none},
    Row{"READ DEFECT DATA(10)", disk, 0x37, all, inquire, in(7, 2)},
    Row{"READ LONG(10)", disk, 0x3e, all, content, in(7, 2)},
    Row{"WRITE LONG(10)", disk, 0x3f, all, content, out(7, 2)},
    Row{"WRITE SAME(10)", disk, 0x41, all, content, some_out},
    Row{"UNMAP", disk, 0x42, all, content, out(7, 2)},
    Row{"SANITIZE", disk, 0x48, all, erase, out(7, 2)},
    Row{"READ(16)", disk, 0x88, all, content, blocks_in(10, 4)},
    Row{"COMPARE AND WRITE", disk, 0x89, all, content, blocks_out(13, 1)},
    Row{"WRITE(16)", disk, 0x8a, all, content, blocks_out(10, 4)},
    Row{"ORWRITE(16)", disk, 0x8b, all, content, blocks_out(10, 4)},
    Row{"WRITE AND VERIFY(16)", disk, 0x8e, all, content, blocks_out(10, 4)},
    Row{"VERIFY(16)", disk, 0x8f, all, content, verified(10, 4)},
    Row{"PRE-FETCH(16)", disk, 0x90, all, content, none},
    Row{"SYNCHRONIZE CACHE(16)", disk, 0x91, all, content, none},
    Row{"LOCK UNLOCK CACHE(16)", disk, 0x92, all, content, none},
    Row{"WRITE SAME(16)", disk, 0x93, all, content, Transfer{Moves::written_same}},
    Row{"CLOSE ZONE", disk, 0x94, 0x01, content, none},
    Row{"FINISH ZONE", disk, 0x94, 0x02, content, none},
    Row{"OPEN ZONE", disk, 0x94, 0x03, content, none},
    Row{"RESET WRITE POINTER", disk, 0x94, 0x04, content, none},
    Row{"SEQUENTIALIZE ZONE", disk, 0x94, 0x10, content, none},
    Row{"REPORT ZONES", disk, 0x95, 0x00, inquire, in(10, 4)},
    Row{"REPORT REALMS", disk, 0x95, 0x06, inquire, in(10, 4)},
    Row{"REPORT ZONE DOMAINS", disk, 0x95, 0x07, inquire, in(10, 4)},
    Row{"ZONE ACTIVATE(16)", disk, 0x95, 0x08, content},
    Row{"ZONE QUERY(16)", disk, 0x95, 0x09, inquire},
    Row{"WRITE STREAM(16)", disk, 0x9a, all, content, blocks_out(12, 2)},
    Row{"WRITE ATOMIC(16)", disk, 0x9c, all, content, blocks_out(12, 2)},
    Row{"READ CAPACITY(16)", disk, 0x9e, 0x10, inquire, in(10, 4)},
    Row{"READ LONG(16)", disk, 0x9e, 0x11, content, in(12, 2)},
    Row{"GET LBA STATUS", disk, 0x9e, 0x12, inquire, in(10, 4)},
    Row{"REPORT REFERRALS", disk, 0x9e, 0x13, inquire, in(10, 4)},
    Row{"STREAM CONTROL", disk, 0x9e, 0x14, content, in(10, 4)},
    Row{"BACKGROUND CONTROL", disk, 0x9e, 0x15, configure, none},
    Row{"GET STREAM STATUS", disk, 0x9e, 0x16, inquire, in(10, 4)},
    Row{"GET PHYSICAL ELEMENT STATUS", disk, 0x9e, 0x17, inquire, in(10, 4)},
    Row{"REMOVE ELEMENT AND TRUNCATE", disk, 0x9e, 0x18, erase, none},
    Row{"RESTORE ELEMENTS AND REBUILD", disk, 0x9e, 0x19, erase, none},
    Row{"WRITE LONG(16)", disk, 0x9f, 0x11, content, out(12, 2)},
    Row{"WRITE SCATTERED(16)", disk, 0x9f, 0x12, content, some_out},
    Row{"REPORT PROVISIONING INITIALIZATION PATTERN", disk, 0xa3, 0x1d, inquire, in(6, 4)},
    Row{"READ(12)", disk, 0xa8, all, content, blocks_in(6, 4)},
    Row{"WRITE(12)", disk, 0xaa, all, content, blocks_out(6, 4)},
    Row{"ERASE(12)", disk, 0xac, all, erase, none},
    Row{"WRITE AND VERIFY(12)", disk, 0xae, all, content, blocks_out(6, 4)},
    Row{"VERIFY(12)", disk, 0xaf, all, content, verified(6, 4)},
    Row{"READ DEFECT DATA(12)", disk, 0xb7, all, inquire, in(6, 4)},
    // Longer than a request of the ring can carry; of a CDB of 16 bytes the form is wrong.
    Row{"READ(32)", disk, 0x7f, 0x0009, content},
    Row{"VERIFY(32)", disk, 0x7f, 0x000a, content},
    Row{"WRITE(32)", disk, 0x7f, 0x000b, content},
    Row{"WRITE AND VERIFY(32)", disk, 0x7f, 0x000c, content},
    Row{"WRITE SAME(32)", disk, 0x7f, 0x000d, content},
    Row{"ORWRITE(32)", disk, 0x7f, 0x000e, content},
    Row{"WRITE ATOMIC(32)", disk, 0x7f, 0x000f, content},
    Row{"WRITE STREAM(32)", disk, 0x7f, 0x0010, content},
    Row{"WRITE SCATTERED(32)", disk, 0x7f, 0x0011, content},
    Row{"GET LBA STATUS(32)", disk, 0x7f, 0x0012, inquire},
    Row{"ATA PASS-THROUGH(32)", disk, 0x7f, 0x1ff0, ata},
};

} // namespace

std::span<const Row> block_rows() noexcept {
    return rows;
}

} // namespace pvscsi::backend::policy
