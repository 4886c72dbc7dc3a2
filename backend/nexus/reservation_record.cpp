#include "backend/nexus/reservation_record.hpp"

#include "common/base/fnv.hpp"

#include <filesystem>
#include <type_traits>

namespace pvscsi::backend {

static_assert(std::is_trivially_copyable_v<ReservationTable>);

/// The layout of the file. Only the machine's own daemon reads it.
struct ReservationRecord::Image {
    static constexpr std::uint64_t magic_number = 0x3130525055505356u; // version in the last byte
    struct Copy {
        std::uint64_t sequence; ///< 0: nothing was stored
        ReservationTable table;
        std::uint64_t checksum;

        [[nodiscard]] std::uint64_t sum() const noexcept {
            const auto* const bytes = reinterpret_cast<const char*>(&table);
            return fnv1a({bytes, sizeof table}) ^ sequence;
        }
        [[nodiscard]] bool whole() const noexcept {
            return sequence != 0 && checksum == sum() &&
                   table.registrations().size() <= ReservationTable::most;
        }
    };
    std::uint64_t magic;
    Copy copies[2];
};

MappedFile ReservationRecord::open(const std::string& path) {
    if (auto there = MappedFile::open(path, sizeof(Image));
        there && there->as<Image>().magic == Image::magic_number)
        return std::move(*there);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    auto file = MappedFile::create(path, sizeof(Image));
    file.as<Image>().magic = Image::magic_number;
    file.publish();
    return file;
}

ReservationRecord::ReservationRecord(const std::string& path) : file_(open(path)) {}

/// 2: neither.
unsigned ReservationRecord::newest() const noexcept {
    const auto& copies = file_.as<Image>().copies;
    if (copies[0].whole() && (!copies[1].whole() || copies[0].sequence > copies[1].sequence))
        return 0;
    return copies[1].whole() ? 1 : 2;
}

ReservationTable ReservationRecord::contents() const noexcept {
    const unsigned at = newest();
    return at < 2 ? file_.as<Image>().copies[at].table : ReservationTable{};
}

void ReservationRecord::store(const ReservationTable& table) noexcept {
    const unsigned last = newest();
    const std::uint64_t sequence = last < 2 ? file_.as<Image>().copies[last].sequence + 1 : 1;
    auto& copy = file_.as<Image>().copies[last == 0 ? 1 : 0];
    copy.sequence = 0;
    stored_before();
    copy.table = table;
    stored_before();
    copy.sequence = sequence;
    copy.checksum = copy.sum();
    stored_before();
}

} // namespace pvscsi::backend
