// A CD or DVD drive with an ISO image in it (MMC-6), read-only. The guest can open and close the
// tray; the same image is in it again then.
#pragma once

#include "backend/targets/unit.hpp"

namespace pvscsi::backend {

class Cd final : public EmulatedUnit {
  public:
    Cd(UnitIdentity identity, std::unique_ptr<Medium> medium);

    static constexpr std::uint32_t block_size = 2048;
    static std::span<const CommandRow> cd_commands() noexcept;

    // Handlers of cd_commands().
    Step read(Request& request) noexcept;
    Step read_capacity(Request& request) noexcept;
    Step start_stop_unit(Request& request) noexcept;
    Step prevent_allow(Request& request) noexcept;
    // cd_disc.cpp: what is on the disc.
    Step read_toc(Request& request) noexcept;
    Step read_disc_information(Request& request) noexcept;
    Step read_track_information(Request& request) noexcept;
    Step read_disc_structure(Request& request) noexcept;
    // cd_drive.cpp: what the drive can do and does.
    Step get_configuration(Request& request) noexcept;
    Step get_event_status(Request& request) noexcept;
    Step mechanism_status(Request& request) noexcept;

    /// Nobody is there who could unlock it: PREVENT lasts as long as its I_T nexus.
    void nexus_lost() noexcept override;

  private:
    /// MMC-6 table 113.
    enum class MediaEvent : std::uint8_t { none = 0, new_media = 2, removal = 3 };

    [[nodiscard]] bool removable() const noexcept override { return true; }
    [[nodiscard]] std::uint16_t command_set_version() const noexcept override;
    void initial_state() noexcept override;
    [[nodiscard]] std::uint8_t own_state() const noexcept override;
    void take_own_state(std::uint8_t state) noexcept override;

    [[nodiscard]] std::uint32_t blocks() const noexcept;
    [[nodiscard]] bool dvd() const noexcept;
    void set_tray(bool open) noexcept;

    bool tray_open_ = false;
    bool locked_ = false;
    MediaEvent event_ = MediaEvent::none;
};

} // namespace pvscsi::backend
