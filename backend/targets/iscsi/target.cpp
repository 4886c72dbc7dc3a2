#include "backend/targets/iscsi/target.hpp"

#include "backend/targets/iscsi/memory.hpp"
#include "backend/targets/iscsi/result.hpp"
#include "backend/targets/sg/read_only.hpp"
#include "backend/targets/sg/result.hpp"
#include "backend/targets/sg/timeouts.hpp"
#include "backend/worker.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace pvscsi::backend {

using scsi::HostCode;
using State = SgOperation::State;
using std::chrono::steady_clock;

namespace {
constexpr std::uint8_t type_unknown = 0x1f;
} // namespace

IscsiTarget::IscsiTarget(std::shared_ptr<IscsiLibrary> library, IscsiUnitOptions options,
                         std::unique_ptr<IscsiClaim> claim, boost::asio::io_context& control)
    : options_(std::move(options)), claim_(std::move(claim)),
      log_(fmt::format("iscsi unit={}/{}", options_.login.target, options_.lun)),
      session_(std::move(library), options_.portal, options_.lun, options_.login, options_.patience,
               *this),
      errands_(SgOperations::count), self_(std::make_shared<IscsiTarget*>(this)) {
    session_.enter(control);
}

IscsiTarget::~IscsiTarget() {
    detach();
}

bool IscsiTarget::opening() {
    if (inherited_)
        return false;
    if (!why_not_.empty())
        throw std::runtime_error(why_not_);
    if (!session_.ready())
        return true;
    remember();
    return false;
}

void IscsiTarget::remember() noexcept {
    if (memory_.empty())
        return;
    try {
        write_iscsi_unit(memory_, *session_.unit());
    } catch (const std::exception& error) {
        log_.warning("the next daemon cannot know the unit again: {}", error.what());
    }
    memory_.clear();
}

/// Which unit a guest has that is connected is known from the predecessor: it need not be asked
/// first, and may be out of reach just now.
void IscsiTarget::remember_in(const std::string& path, bool inherited) {
    memory_ = path;
    auto unit = inherited ? read_iscsi_unit(path) : std::nullopt;
    if (!unit)
        return;
    session_.leave();
    session_.expect(std::move(*unit));
    inherited_ = true;
}

void IscsiTarget::attach(Worker& worker) {
    attach(worker.context());
}

void IscsiTarget::attach(boost::asio::io_context& context) {
    context_ = &context;
    alarm_.emplace(context, [this] { look_at_clock(); });
    session_.leave();
    session_.enter(context);
}

void IscsiTarget::detach() noexcept {
    session_.close();
    alarm_.reset();
    self_.reset();
    for (Errand& errand : errands_)
        errand.task.known = false;
    if (resetting_ != 0)
        reset_ended(false);
}

std::uint8_t IscsiTarget::device_type() const noexcept {
    return session_.unit() ? session_.unit()->type : type_unknown;
}

IscsiTarget::Errand& IscsiTarget::errand_of(const SgOperation& operation) noexcept {
    return errands_[static_cast<std::size_t>(&operation - &*operations_.begin())];
}

SgOperation* IscsiTarget::operation_of(const IscsiTask& task) noexcept {
    for (SgOperation& operation : operations_)
        if (&errand_of(operation).task == &task)
            return &operation;
    return nullptr;
}

std::uint32_t IscsiTarget::next_number() noexcept {
    return ++number_ != 0 ? number_ : ++number_;
}

// --- a command's way to the target and back ---------------------------------------------------

Step IscsiTarget::start(Request& request) noexcept {
    const auto answer = [&request](Outcome outcome) {
        request.outcome = outcome;
        return Step::done;
    };
    if (gone_)
        return answer(host_outcome(HostCode::no_connect));
    if (options_.read_only && !leaves_medium_alone(device_type(), request.cdb()))
        return answer(sense_outcome(scsi::SenseKey::data_protect, 0x27, 0x00));
    SgOperation* const operation = operations_.take(request, request.length());
    if (operation == nullptr)
        return answer(status_outcome(scsi::Status::busy));
    request.target_state = operation;
    if (request.direction() != ring::Direction::to_device || request.length() == 0)
        return submit(request, *operation);
    request.want_data(operation->data);
    return Step::need_data;
}

Step IscsiTarget::resume(Request& request) noexcept {
    return submit(request, *static_cast<SgOperation*>(request.target_state));
}

void IscsiTarget::drop(Request& request) noexcept {
    operations_.ended(*static_cast<SgOperation*>(request.target_state));
}

void IscsiTarget::answered(Request& request) noexcept {
    auto* const operation = static_cast<SgOperation*>(request.target_state);
    if (operation != nullptr && operation->request == &request)
        operations_.release(*operation);
}

Step IscsiTarget::submit(Request& request, SgOperation& operation) noexcept {
    Errand& errand = errand_of(operation);
    errand.management = 0;
    errand.overdue = errand.waiting = false;
    const auto now = steady_clock::now();
    auto timeout = command_timeout(device_type(), request.cdb(), request.command.timeout());
    if (options_.longest.count() != 0)
        timeout = std::min(timeout, options_.longest);
    errand.overdue_at = now + timeout + options_.patience.overdue;
    if (session_.ready()) {
        if (send(operation))
            return Step::pending;
        operations_.ended(operation);
        request.outcome = status_outcome(scsi::Status::busy);
        return Step::done;
    }
    if (gone_) {
        operations_.ended(operation);
        request.outcome = host_outcome(HostCode::no_connect);
        return Step::done;
    }
    errand.waiting = true;
    errand.order = ++order_;
    // The guest, whose own clock runs, is to have an answer before it begins to abort.
    const auto patience =
        std::min(options_.patience.waiting,
                 std::chrono::duration_cast<std::chrono::milliseconds>(timeout) * 2 / 3);
    operation.deadline = now + patience;
    alarm_->set(operation.deadline);
    return Step::pending;
}

bool IscsiTarget::send(SgOperation& operation) noexcept {
    Errand& errand = errand_of(operation);
    errand.waiting = false;
    const Request& request = *operation.request;
    if (!session_.command(errand.task, request.cdb(), request.direction(), operation.data))
        return false;
    operations_.submitted(operation, nullptr);
    operation.deadline = errand.overdue_at;
    alarm_->set(operation.deadline);
    return true;
}

void IscsiTarget::end(SgOperation& operation, Outcome outcome) noexcept {
    Request& request = *operation.request;
    errand_of(operation).waiting = false;
    operations_.ended(operation);
    request.outcome = outcome;
    request.finish();
}

void IscsiTarget::ended(IscsiTask& task, const IscsiAnswer& answer) noexcept {
    SgOperation* const operation = operation_of(task);
    if (operation == nullptr)
        return;
    if (operation->state == State::abandoned)
        return operations_.returned(*operation);
    if (operation->state != State::in_flight)
        return;
    Request& request = *operation->request;
    const Outcome outcome = outcome_of(answer, request.direction(), operation->data);
    if (options_.read_only)
        mark_write_protected(device_type(), request.cdb().opcode(),
                             operation->data.first(outcome.data_in.size()));
    end(*operation, outcome);
}

/// The guest gets its answer; the library keeps the memory until nothing of it can be under way.
void IscsiTarget::leave_aside(SgOperation& operation, HostCode host) noexcept {
    Request& request = *operation.request;
    operations_.abandoned(operation);
    request.outcome = host_outcome(host);
    request.finish();
}

void IscsiTarget::keep_house() noexcept {
    for (SgOperation& operation : operations_)
        if (operation.state == State::abandoned)
            (void)session_.forget(errand_of(operation).task);
    operations_.trim();
    session_.look_after();
}

// --- the session ------------------------------------------------------------------------------

SgOperation* IscsiTarget::oldest_waiting() noexcept {
    SgOperation* oldest = nullptr;
    for (SgOperation& operation : operations_) {
        const Errand& errand = errand_of(operation);
        if (errand.waiting && (oldest == nullptr || errand.order < errand_of(*oldest).order))
            oldest = &operation;
    }
    return oldest;
}

void IscsiTarget::opened() noexcept {
    if (std::exchange(told_of_loss_, false))
        log_.info("the session is there again");
    while (SgOperation* const operation = oldest_waiting())
        if (!send(*operation))
            end(*operation, status_outcome(scsi::Status::busy));
}

void IscsiTarget::not_opened(const std::string& reason) noexcept {
    if (context_ == nullptr) {
        why_not_ = reason;
        return session_.close();
    }
    if (!std::exchange(told_of_loss_, true))
        log_.warning("no session: {}", log::escaped(reason, 200));
}

void IscsiTarget::lost(const std::string& reason) noexcept {
    if (context_ == nullptr) { // between its opening and the worker
        why_not_ = reason;
        return session_.close();
    }
    told_of_loss_ = true;
    log_.warning("the session is lost: {}", log::escaped(reason, 200));
    end_all(HostCode::transport_disrupted);
}

void IscsiTarget::replaced(const std::string& reason) noexcept {
    gone_ = true;
    log_.warning("{}", log::escaped(reason, 300));
    end_all(HostCode::no_connect);
    while (SgOperation* const operation = oldest_waiting())
        end(*operation, host_outcome(HostCode::no_connect));
    if (on_failure)
        on_failure(reason);
}

/// Of what was under way; the library has let go of it.
void IscsiTarget::end_all(HostCode host) noexcept {
    for (SgOperation& operation : operations_) {
        if (operation.state == State::abandoned || operation.state == State::in_flight)
            errand_of(operation).task.known = false;
        if (operation.state == State::abandoned)
            operations_.returned(operation);
        else if (operation.state == State::in_flight)
            end(operation, host_outcome(host));
    }
    if (resetting_ != 0)
        reset_ended(false);
}

} // namespace pvscsi::backend
