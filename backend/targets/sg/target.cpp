#include "backend/targets/sg/target.hpp"

#include "backend/targets/sg/read_only.hpp"
#include "backend/targets/sg/result.hpp"
#include "backend/targets/sg/timeouts.hpp"
#include "backend/worker.hpp"
#include "common/base/log.hpp"
#include "common/scsi/device_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <scsi/sg.h>

namespace pvscsi::backend {

namespace {

using scsi::HostCode;
using State = SgOperation::State;

// Newer than glibc's header (linux/include/scsi/sg.h). Without it the driver puts each command
// before those that wait, so a busy device would serve the oldest last.
constexpr unsigned flag_queue_at_tail = 0x10;

int sg_direction(const Request& request) noexcept {
    if (request.length() == 0)
        return SG_DXFER_NONE;
    return request.direction() == ring::Direction::to_device ? SG_DXFER_TO_DEV : SG_DXFER_FROM_DEV;
}

/// `operation` as the driver takes it; the header points into the operation and the request.
::sg_io_hdr header_for(const Request& request, SgOperation& operation,
                       std::chrono::seconds timeout) noexcept {
    ::sg_io_hdr header{};
    header.interface_id = 'S';
    header.dxfer_direction = sg_direction(request);
    header.cmd_len = static_cast<unsigned char>(request.cdb().bytes().size());
    header.mx_sb_len = static_cast<unsigned char>(operation.sense.size());
    header.dxfer_len = static_cast<unsigned>(operation.data.size());
    header.dxferp = operation.data.data();
    header.cmdp = const_cast<unsigned char*>(request.cdb().bytes().data()); // only read
    header.sbp = operation.sense.data();
    header.timeout = static_cast<unsigned>(
        std::chrono::duration_cast<std::chrono::milliseconds>(timeout).count());
    header.flags = SG_FLAG_LUN_INHIBIT | flag_queue_at_tail;
    header.pack_id = operation.pack_id;
    return header;
}

} // namespace

SgTarget::SgTarget(std::shared_ptr<SgDevice> device, bool read_only, SgPatience patience,
                   std::chrono::seconds longest, std::shared_ptr<SgLeftovers> leftovers)
    : device_(std::move(device)), read_only_(read_only),
      one_at_a_time_(scsi::keeps_position(device_->type())), patience_(patience), longest_(longest),
      leftovers_(std::move(leftovers)), log_("sg node=" + device_->node()), file_(device_->open()),
      self_(std::make_shared<SgTarget*>(this)) {
    retired_.reserve(max_retired);
}

SgTarget::~SgTarget() {
    detach();
}

void SgTarget::attach(Worker& worker) {
    attach(worker.context());
}

void SgTarget::attach(boost::asio::io_context& context) {
    context_ = &context;
    SgChannelOwner& channel_owner = *this;
    SgResetOwner& reset_owner = *this;
    channel_ = std::make_shared<SgChannel>(context, std::move(file_), channel_owner);
    reset_.emplace(context, device_, patience_, reset_owner);
    alarm_.emplace(context, [this] { end_overdue(); });
    channel_->wait();
    if (one_at_a_time_)
        await_leftovers();
}

void SgTarget::detach() noexcept {
    self_.reset();
    if (reset_)
        reset_->close();
    alarm_.reset();
    leftovers_alarm_.reset();
    close_channels();
}

void SgTarget::close_channels() noexcept {
    for (const auto& channel : retired_)
        channel->close();
    retired_.clear();
    if (channel_)
        channel_->close();
    fresh_.reset();
}

Step SgTarget::answer(Request& request, Outcome outcome) noexcept {
    request.outcome = outcome;
    return Step::done;
}

/// INQUIRY, REPORT LUNS and REQUEST SENSE do not report unit attentions (SPC-5 5.14).
bool SgTarget::has_attention_for(std::uint8_t opcode) const noexcept {
    return attentions_told_ < answers_.attentions.size() && opcode != 0x12 && opcode != 0xa0 &&
           opcode != 0x03;
}

/// The device told it to us, when it was opened.
Step SgTarget::attend(Request& request) noexcept {
    Outcome outcome;
    outcome.status = scsi::Status::check_condition;
    outcome.sense = answers_.attentions[attentions_told_++];
    return answer(request, outcome);
}

Step SgTarget::start(Request& request) noexcept {
    if (lost_)
        return answer(request, host_outcome(HostCode::no_connect));
    if (read_only_ && !leaves_medium_alone(device_->type(), request.cdb()))
        return answer(request, sense_outcome(scsi::SenseKey::data_protect, 0x27, 0x00));
    if (has_attention_for(request.cdb().opcode()))
        return attend(request);
    SgOperation* const operation = operations_.take(request, request.length());
    if (operation == nullptr)
        return answer(request, status_outcome(scsi::Status::busy));
    request.target_state = operation;
    if (one_at_a_time_)
        line_.join(*operation);
    if (request.direction() != ring::Direction::to_device || request.length() == 0)
        return go(request, *operation);
    request.want_data(operation->data);
    return Step::need_data;
}

Step SgTarget::resume(Request& request) noexcept {
    return go(request, *static_cast<SgOperation*>(request.target_state));
}

void SgTarget::drop(Request& request) noexcept {
    auto& operation = *static_cast<SgOperation*>(request.target_state);
    operations_.ended(operation);
    if (one_at_a_time_) {
        line_.leave(operation);
        take_turns_soon();
    }
}

/// What it had may be another request's by now: the kernel keeps an abandoned one.
void SgTarget::answered(Request& request) noexcept {
    auto* const operation = static_cast<SgOperation*>(request.target_state);
    if (operation != nullptr && operation->request == &request)
        operations_.release(*operation);
}

/// To the device, if it is this one's turn.
Step SgTarget::go(Request& request, SgOperation& operation) noexcept {
    operation.complete = true;
    if (operation.end_as != HostCode::ok) { // reset while its data-out were on their way
        take_turns_soon();
        return Step::pending;
    }
    if (has_turn(operation)) {
        const Step step = submit(request, operation);
        if (step != Step::pending && one_at_a_time_) {
            line_.leave(operation);
            take_turns_soon();
        }
        return step;
    }
    if (!one_at_a_time_) {
        if (!may_get_room()) {
            operations_.ended(operation);
            return answer(request, status_outcome(scsi::Status::busy));
        }
        line_.join(operation);
    }
    return Step::pending;
}

Step SgTarget::submit(Request& request, SgOperation& operation) noexcept {
    if (lost_) {
        operations_.ended(operation);
        return answer(request, host_outcome(HostCode::no_connect));
    }
    operations_.rename(operation);
    auto timeout = command_timeout(device_->type(), request.cdb(), request.command.timeout(),
                                   answers_.timeouts);
    if (longest_.count() != 0)
        timeout = std::min(timeout, longest_);
    const auto header = header_for(request, operation, timeout);
    const int error = channel_->submit(header);
    if (error != 0) {
        operations_.ended(operation);
        return answer(request, outcome_of_refusal(error, request.length()));
    }
    operations_.submitted(operation, channel_.get());
    ++at_device_;
    operation.deadline = std::chrono::steady_clock::now() +
                         std::chrono::milliseconds(header.timeout) + patience_.overdue;
    alarm_->set(operation.deadline);
    return Step::pending;
}

/// The request of an operation that is no longer in flight, or never will be.
void SgTarget::end(SgOperation& operation, Outcome outcome) noexcept {
    Request& request = *operation.request;
    uncover(operation);
    line_.leave(operation);
    if (operation.state == State::in_flight || operation.state == State::preparing)
        operations_.ended(operation);
    request.outcome = outcome;
    request.finish();
}

void SgTarget::uncover(SgOperation& operation) noexcept {
    if (std::exchange(operation.covered_by_reset, false) && --covered_by_reset_ == 0)
        fresh_.reset();
}

bool SgTarget::fetched(const ::sg_io_hdr& header) noexcept {
    SgOperation* const operation = operations_.find(header.pack_id);
    if (operation == nullptr) {
        log_.warning("result of no known command pack_id={}", header.pack_id);
        return false;
    }
    --at_device_;
    if (operation->state == State::abandoned) {
        operations_.returned(*operation);
        take_turns_soon();
        return true;
    }
    Request& request = *operation->request;
    const Outcome outcome =
        outcome_of(header, request.direction(), operation->data, operation->sense);
    if (read_only_)
        mark_write_protected(device_->type(), request.cdb().opcode(),
                             operation->data.first(outcome.data_in.size()));
    end(*operation, outcome);
    if (covered_by_reset_ == 0)
        reset_->settled();
    take_turns();
    return true;
}

void SgTarget::lost(int error) noexcept {
    lost_ = true;
    at_device_ = 0;
    close_channels();
    for (SgOperation& operation : operations_) {
        if (operation.state == State::abandoned)
            operations_.returned(operation);
        else if (operation.state == State::in_flight || operation.waits())
            end(operation, host_outcome(HostCode::no_connect));
    }
    reset_->close();
    const std::string reason = error == 0 ? device_->node() + ": the device was removed"
                                          : fmt::format("{}: cannot use it any more: {}",
                                                        device_->node(), std::strerror(error));
    log::warning("sg {}", reason);
    if (on_failure)
        on_failure(reason);
}

} // namespace pvscsi::backend
