#include "backend/targets/iscsi/library.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <poll.h>
#include <utility>

#include <iscsi/iscsi.h>

namespace pvscsi::backend {

namespace {

using Kind = IscsiAnswer::Kind;

/// After a CHECK CONDITION the library keeps the data segment of the SCSI Response, which is the
/// sense data's length in two bytes and the sense data (RFC 7143 11.4.7).
std::span<const std::uint8_t> sense_of(const ::scsi_task& task) noexcept {
    const auto* const bytes = task.datain.data;
    const auto size = static_cast<std::size_t>(std::max(task.datain.size, 0));
    if (bytes == nullptr || size < 2)
        return {};
    const std::size_t length = static_cast<std::size_t>(bytes[0]) << 8 | bytes[1];
    return {bytes + 2, std::min(length, size - 2)};
}

class Context final : public IscsiContext {
  public:
    Context(::iscsi_context* iscsi, IscsiListener& listener)
        : iscsi_(iscsi), listener_(&listener) {}
    ~Context() override {
        listener_ = nullptr; // it cancels what is under way
        ::iscsi_destroy_context(iscsi_);
    }

    bool connect(const std::string& address) noexcept override {
        return ::iscsi_connect_async(iscsi_, address.c_str(), &Context::on_connected, this) == 0;
    }
    bool login() noexcept override {
        return ::iscsi_login_async(iscsi_, &Context::on_logged_in, this) == 0;
    }
    int fd() const noexcept override { return ::iscsi_get_fd(iscsi_); }
    int events() const noexcept override { return ::iscsi_which_events(iscsi_); }
    bool service(int revents) noexcept override { return ::iscsi_service(iscsi_, revents) == 0; }

    bool command(IscsiTask& task, std::uint16_t lun, const ring::Cdb& cdb,
                 ring::Direction direction, std::span<std::byte> data) noexcept override;
    bool abort(IscsiTask& task, std::uint32_t number) noexcept override {
        return manage(ISCSI_TM_ABORT_TASK, static_cast<int>(task.task.lun), task.task.itt,
                      task.task.cmdsn, number);
    }
    bool reset(std::uint16_t lun, std::uint32_t number) noexcept override {
        return manage(ISCSI_TM_LUN_RESET, lun, 0xffffffff, 0, number);
    }
    bool ping() noexcept override {
        return ::iscsi_nop_out_async(iscsi_, &Context::on_ponged, nullptr, 0, this) == 0;
    }
    bool all_sent() const noexcept override {
        return ::iscsi_out_queue_length(iscsi_) == 0 && (events() & POLLOUT) == 0;
    }
    bool forget(IscsiTask& task) noexcept override;

    std::string error() const override;
    std::string elsewhere() const override { return ::iscsi_get_target_address(iscsi_); }

  private:
    /// Not the library's own functions for each: they cancel first what is under way.
    bool manage(::iscsi_task_mgmt_funcs function, int lun, std::uint32_t itt, std::uint32_t cmdsn,
                std::uint32_t number) noexcept;

    static void on_connected(::iscsi_context*, int status, void*, void* self) noexcept;
    static void on_logged_in(::iscsi_context*, int status, void*, void* self) noexcept;
    static void on_ended(::iscsi_context*, int status, void* data, void* self) noexcept;
    static void on_managed(::iscsi_context*, int status, void* data, void* management) noexcept;
    static void on_ponged(::iscsi_context*, int status, void*, void* self) noexcept;

    struct Management {
        Context* context = nullptr;
        std::uint32_t number = 0;
    };

    ::iscsi_context* const iscsi_;
    IscsiListener* listener_;
    /// By number: more than a unit has under way, which is one for each command and a reset.
    std::array<Management, 64> managements_;
};

/// The library notes a device's status there as well, and keeps it; and that it does not reconnect.
std::string Context::error() const {
    const std::string_view text = ::iscsi_get_error(iscsi_);
    constexpr std::array<std::string_view, 7> no_reasons{"SENSE KEY:",
                                                         "RESERVATION CONFLICT",
                                                         "TASK_SET_FULL",
                                                         "ACA_ACTIVE",
                                                         "TASK_ABORTED",
                                                         "BUSY",
                                                         "iscsi_service_reconnect_if_loggedin"};
    const bool says_nothing =
        std::any_of(no_reasons.begin(), no_reasons.end(),
                    [&](std::string_view begin) { return text.starts_with(begin); });
    return says_nothing ? std::string() : std::string(text);
}

bool Context::command(IscsiTask& task, std::uint16_t lun, const ring::Cdb& cdb,
                      ring::Direction direction, std::span<std::byte> data) noexcept {
    ::scsi_task& it = task.task = {};
    const auto bytes = cdb.bytes();
    std::copy(bytes.begin(), bytes.end(), std::begin(it.cdb));
    it.cdb_size = static_cast<int>(bytes.size());
    it.expxferlen = static_cast<int>(data.size());
    task.memory = {data.data(), data.size()};
    it.xfer_dir = SCSI_XFER_NONE;
    if (!data.empty() && direction == ring::Direction::from_device) {
        it.xfer_dir = SCSI_XFER_READ;
        ::scsi_task_set_iov_in(&it, &task.memory, 1);
    } else if (!data.empty() && direction == ring::Direction::to_device) {
        it.xfer_dir = SCSI_XFER_WRITE;
        ::scsi_task_set_iov_out(&it, &task.memory, 1);
    }
    // Its field is 16 bits of an 8 byte LUN, which are what is sent: up to 255 as a peripheral
    // device's address, above in the flat space (SAM-5 4.7.7).
    const int field = lun > 255 ? 0x4000 | lun : lun;
    task.known =
        ::iscsi_scsi_command_async(iscsi_, field, &it, &Context::on_ended, nullptr, this) == 0;
    return task.known;
}

bool Context::manage(::iscsi_task_mgmt_funcs function, int lun, std::uint32_t itt,
                     std::uint32_t cmdsn, std::uint32_t number) noexcept {
    Management& management = managements_[number % managements_.size()] = {this, number};
    const int field = function == ISCSI_TM_LUN_RESET && lun > 255 ? 0x4000 | lun : lun;
    return ::iscsi_task_mgmt_async(iscsi_, field, function, itt, cmdsn, &Context::on_managed,
                                   &management) == 0;
}

/// The command and what is left of its data-out have one tag. What is being sent right now is in
/// none of the library's lists, so there must not be any.
bool Context::forget(IscsiTask& task) noexcept {
    if (!task.known)
        return true;
    if (!all_sent())
        return false;
    while (::iscsi_scsi_cancel_task(iscsi_, &task.task) == 0)
        ;
    return !task.known;
}

void Context::on_connected(::iscsi_context*, int status, void*, void* self) noexcept {
    if (auto* const listener = static_cast<Context*>(self)->listener_)
        listener->connected(status == SCSI_STATUS_GOOD);
}

void Context::on_logged_in(::iscsi_context*, int status, void*, void* self) noexcept {
    using Login = IscsiListener::Login;
    if (auto* const listener = static_cast<Context*>(self)->listener_)
        listener->logged_in(status == SCSI_STATUS_GOOD       ? Login::success
                            : status == SCSI_STATUS_REDIRECT ? Login::elsewhere
                                                             : Login::refused);
}

void Context::on_ended(::iscsi_context*, int status, void* data, void* self) noexcept {
    auto* const listener = static_cast<Context*>(self)->listener_;
    auto* const scsi = static_cast<::scsi_task*>(data);
    // The command is the first member of what it was given in.
    auto& task = *reinterpret_cast<IscsiTask*>(scsi);
    task.known = false;
    IscsiAnswer answer;
    switch (status) {
    case SCSI_STATUS_CANCELLED:
    case SCSI_STATUS_TIMEOUT:
        break;
    case SCSI_STATUS_ERROR:
        answer.kind = Kind::failed;
        break;
    default:
        answer.kind = Kind::status;
        answer.status = static_cast<std::uint8_t>(status);
        answer.overflow = scsi->residual_status == SCSI_RESIDUAL_OVERFLOW;
        if (scsi->residual_status == SCSI_RESIDUAL_UNDERFLOW)
            answer.residual = static_cast<std::uint32_t>(
                std::min<std::size_t>(scsi->residual, static_cast<std::size_t>(scsi->expxferlen)));
        if (status == SCSI_STATUS_CHECK_CONDITION)
            answer.sense = sense_of(*scsi);
    }
    auto* const answered_with = std::exchange(scsi->datain.data, nullptr);
    if (listener != nullptr)
        listener->ended(task, answer);
    std::free(answered_with);
}

void Context::on_managed(::iscsi_context*, int status, void* data, void* management) noexcept {
    const Management its = *static_cast<const Management*>(management);
    auto* const listener = its.context->listener_;
    if (listener != nullptr && status == SCSI_STATUS_GOOD && data != nullptr)
        listener->managed(its.number,
                          static_cast<IscsiManaged>(*static_cast<const std::uint32_t*>(data)));
}

void Context::on_ponged(::iscsi_context*, int status, void*, void* self) noexcept {
    auto* const listener = static_cast<Context*>(self)->listener_;
    if (listener != nullptr && status == SCSI_STATUS_GOOD)
        listener->ponged();
}

class Library final : public IscsiLibrary {
  public:
    std::unique_ptr<IscsiContext> make(const IscsiLogin& login,
                                       IscsiListener& listener) noexcept override;
};

/// For what has been sent and is not acknowledged, nor answered by a keep-alive.
constexpr int tcp_patience_ms = 15'000;

std::unique_ptr<IscsiContext> Library::make(const IscsiLogin& login,
                                            IscsiListener& listener) noexcept {
    auto* const iscsi = ::iscsi_create_context(login.initiator.c_str());
    if (iscsi == nullptr)
        return nullptr;
    ::iscsi_set_noautoreconnect(iscsi, 1);
    ::iscsi_set_session_type(iscsi, ISCSI_SESSION_NORMAL);
    ::iscsi_set_targetname(iscsi, login.target.c_str());
    ::iscsi_set_isid_random(iscsi, static_cast<std::uint32_t>(login.isid >> 16 & 0xffffff),
                            static_cast<std::uint32_t>(login.isid & 0xffff));
    ::iscsi_set_header_digest(iscsi, login.header_digest ? ISCSI_HEADER_DIGEST_CRC32C
                                                         : ISCSI_HEADER_DIGEST_NONE);
    if (!login.user.empty())
        ::iscsi_set_initiator_username_pwd(iscsi, login.user.c_str(), login.secret.c_str());
    if (!login.target_user.empty())
        ::iscsi_set_target_username_pwd(iscsi, login.target_user.c_str(),
                                        login.target_secret.c_str());
    ::iscsi_set_tcp_user_timeout(iscsi, tcp_patience_ms);
    ::iscsi_set_tcp_keepidle(iscsi, 5);
    ::iscsi_set_tcp_keepintvl(iscsi, 5);
    ::iscsi_set_tcp_keepcnt(iscsi, 3);
    return std::unique_ptr<IscsiContext>(new (std::nothrow) Context(iscsi, listener));
}

} // namespace

std::shared_ptr<IscsiLibrary> libiscsi() {
    return std::make_shared<Library>();
}

} // namespace pvscsi::backend
