// The table of a unit's reservations in a file that outlives the daemon and a boot: two copies, of
// which the newer one that is whole counts. Whenever the process dies the table is the one before
// a change or the one after it; the machine's power may cost the last change, which the device then
// tells of (README.md).
//
// Thread: made by the control thread, then under the unit's lock. store() neither blocks nor fails.
#pragma once

#include "backend/mapped_file.hpp"
#include "backend/nexus/reservation_table.hpp"

#include <string>

namespace pvscsi::backend {

class ReservationRecord {
  public:
    /// What is there, or a new one without registrations, also where what is there is damaged.
    /// Throws std::system_error.
    explicit ReservationRecord(const std::string& path);

    [[nodiscard]] ReservationTable contents() const noexcept;
    void store(const ReservationTable& table) noexcept;

  private:
    struct Image;
    static MappedFile open(const std::string& path);
    [[nodiscard]] unsigned newest() const noexcept;

    MappedFile file_;
};

} // namespace pvscsi::backend
