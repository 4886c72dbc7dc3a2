// A target around another one: it sees each command before the unit does and after it, and may
// answer it itself. What stands between a guest and a device (who may send what, what is recorded,
// faults that are asked for) is made of these, so that no device type knows of any.
//
//   Queue -> outer -> ... -> inner -> device      start(), resume()
//   Queue <- outer <- ... <- inner <- device      ended(): the innermost first
//
// Thread: as Target. Errors: none of its own.
#pragma once

#include "backend/target.hpp"

namespace pvscsi::backend {

class Decorator : public Target, private RequestWatcher {
  public:
    /// Its on_failure, on_warning and on_notice are the outer one's from now on.
    explicit Decorator(std::unique_ptr<Target> inner);

    [[nodiscard]] bool opening() override { return inner_->opening(); }
    [[nodiscard]] Leftovers leftovers() noexcept override { return inner_->leftovers(); }
    void end_leftovers() noexcept override { inner_->end_leftovers(); }
    void remember_in(const std::string& path, bool inherited) override {
        inner_->remember_in(path, inherited);
    }
    void attach(Worker& worker) override { inner_->attach(worker); }
    void detach() noexcept override { inner_->detach(); }
    Step start(Request& request) noexcept final;
    Step resume(Request& request) noexcept final;
    void drop(Request& request) noexcept final;
    void abort(Request& request) noexcept override { inner_->abort(request); }
    /// Also of commands that were answered here, which the unit has not seen.
    void answered(Request& request) noexcept override { inner_->answered(request); }
    void limit_time(std::chrono::seconds longest) noexcept override { inner_->limit_time(longest); }
    void reset(std::function<void(bool success)> done) noexcept override {
        inner_->reset(std::move(done));
    }
    void nexus_lost() noexcept override { inner_->nexus_lost(); }
    void tell(const scsi::Condition& attention) noexcept override { inner_->tell(attention); }
    void keep_house() noexcept override { inner_->keep_house(); }
    [[nodiscard]] inject::Injector* injector() noexcept override { return inner_->injector(); }
    [[nodiscard]] std::uint8_t device_type() const noexcept override {
        return inner_->device_type();
    }
    [[nodiscard]] bool passes_through() const noexcept override { return inner_->passes_through(); }
    [[nodiscard]] Carries carries() const noexcept override { return inner_->carries(); }

  protected:
    enum class Verdict : std::uint8_t {
        pass,   ///< on to the unit
        done,   ///< request.outcome is set; the unit does not see it
        pending ///< neither; finish() comes from here later, also after abort() and reset()
    };
    /// A command has come.
    virtual Verdict admit(Request&) noexcept { return Verdict::pass; }
    /// The data-out of one that passed are in request.data(), where the guest can't change them any
    /// more, and go to the unit next.
    virtual Verdict admit_data(Request&) noexcept { return Verdict::pass; }
    /// One that passed has ended at the unit; the outcome may be changed. False: it is kept back,
    /// and finish() comes from here later.
    virtual bool ended(Request&) noexcept override { return true; }
    /// One that passed has asked for data-out that cannot be had: its end.
    virtual void dropped(Request&) noexcept {}

    [[nodiscard]] Target& inner() noexcept { return *inner_; }
    [[nodiscard]] const Target& inner() const noexcept { return *inner_; }

  private:
    Step after(Request& request, Step step) noexcept;

    std::unique_ptr<Target> inner_;
};

} // namespace pvscsi::backend
