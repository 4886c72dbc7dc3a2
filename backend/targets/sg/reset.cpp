#include "backend/targets/sg/reset.hpp"

#include <boost/asio/post.hpp>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <thread>

namespace pvscsi::backend {

/// What the thread shares with the worker. The thread may outlive the unit and its worker: the
/// kernel decides when the call returns.
struct SgReset::Job {
    std::mutex mutex;
    boost::asio::io_context* context; ///< null: nobody waits any more; guarded by `mutex`
    std::weak_ptr<SgReset*> owner;    ///< used on the worker only
    std::shared_ptr<SgDevice> device;

    // The thread's until the worker is told.
    int error = 0;
    std::unique_ptr<SgFile> fresh;
    std::string open_failure;

    static void run(const std::shared_ptr<Job>& job) noexcept;
};

void SgReset::Job::run(const std::shared_ptr<Job>& job) noexcept {
    job->error = job->device->reset();
    try {
        if (job->error == 0)
            job->fresh = job->device->open();
    } catch (const std::exception& failure) {
        job->open_failure = failure.what();
    }
    const std::lock_guard lock(job->mutex);
    if (job->context == nullptr)
        return;
    boost::asio::post(*job->context, [job] {
        if (const auto owner = job->owner.lock())
            (*owner)->thread_ended(*job);
    });
}

SgReset::SgReset(boost::asio::io_context& context, std::shared_ptr<SgDevice> device,
                 SgPatience patience, SgResetOwner& owner)
    : context_(context), device_(std::move(device)), patience_(patience), owner_(owner),
      log_("sg node=" + device_->node()), timer_(context), self_(std::make_shared<SgReset*>(this)) {
}

SgReset::~SgReset() {
    close();
}

void SgReset::request(Done done) noexcept {
    if (phase_ == Phase::stuck || phase_ == Phase::closed)
        return done(false);
    waiting_.push_back(std::move(done));
    if (phase_ == Phase::idle)
        begin();
}

void SgReset::begin() noexcept {
    current_.swap(waiting_);
    phase_ = Phase::resetting;
    try {
        set_deadline(patience_.reset);
        job_ = std::make_shared<Job>();
        job_->context = &context_;
        job_->owner = self_;
        job_->device = device_;
        std::thread([job = job_] { Job::run(job); }).detach();
    } catch (const std::exception& failure) {
        log_.warning("cannot begin a reset: {}", failure.what());
        finish(false);
    }
}

void SgReset::thread_ended(Job& job) noexcept {
    job_.reset();
    if (phase_ == Phase::stuck) {
        phase_ = Phase::idle; // too late for those who asked, but the next may try
        return;
    }
    if (job.error != 0) {
        log_.warning("reset failed: {}", std::strerror(job.error));
        return finish(false);
    }
    if (!job.fresh)
        log_.warning("after a reset: {}", job.open_failure);
    if (owner_.was_reset(std::move(job.fresh)))
        return finish(true);
    phase_ = Phase::settling;
    set_deadline(patience_.commands);
}

void SgReset::settled() noexcept {
    if (phase_ == Phase::settling)
        finish(true);
}

void SgReset::finish(bool success, Phase next) noexcept {
    ++deadline_;
    timer_.cancel();
    phase_ = next; // first: a caller may ask for another reset from inside its callback
    std::vector<Done> told;
    told.swap(current_);
    for (Done& done : told)
        done(success);
    if (phase_ == Phase::idle && !waiting_.empty())
        begin();
}

void SgReset::set_deadline(std::chrono::milliseconds patience) {
    timer_.expires_after(patience);
    timer_.async_wait([weak = std::weak_ptr(self_),
                       number = ++deadline_](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self && (*self)->deadline_ == number)
            (*self)->expired();
    });
}

void SgReset::expired() noexcept {
    if (phase_ == Phase::settling) {
        owner_.give_up();
        return finish(true);
    }
    log_.warning("reset does not end");
    // Those who wait for the next one get the same answer: there will be none for now.
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(current_));
    waiting_.clear();
    finish(false, Phase::stuck);
}

void SgReset::close() noexcept {
    if (phase_ == Phase::closed)
        return;
    if (job_) {
        const std::lock_guard lock(job_->mutex);
        job_->context = nullptr;
    }
    job_.reset();
    self_.reset();
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(current_));
    waiting_.clear();
    finish(false, Phase::closed);
}

} // namespace pvscsi::backend
