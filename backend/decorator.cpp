#include "backend/decorator.hpp"

namespace pvscsi::backend {

Decorator::Decorator(std::unique_ptr<Target> inner) : inner_(std::move(inner)) {
    inner_->on_failure = [this](const std::string& reason) {
        if (on_failure)
            on_failure(reason);
    };
    inner_->on_warning = [this](const std::string& what) {
        if (on_warning)
            on_warning(what);
    };
    inner_->on_notice = [this](const std::string& what) {
        if (on_notice)
            on_notice(what);
    };
}

Step Decorator::start(Request& request) noexcept {
    switch (admit(request)) {
    case Verdict::done:
        return Step::done;
    case Verdict::pending:
        return Step::pending;
    case Verdict::pass:
        break;
    }
    // Before the unit has it: it may be finished from inside the call.
    request.watch(*this);
    return after(request, inner_->start(request));
}

Step Decorator::resume(Request& request) noexcept {
    const Verdict verdict = admit_data(request);
    if (verdict == Verdict::pass)
        return after(request, inner_->resume(request));
    inner_->drop(request);
    request.unwatch(*this);
    return verdict == Verdict::done ? Step::done : Step::pending;
}

void Decorator::drop(Request& request) noexcept {
    inner_->drop(request);
    request.unwatch(*this);
    dropped(request);
}

Step Decorator::after(Request& request, Step step) noexcept {
    if (step != Step::done)
        return step;
    request.unwatch(*this);
    return ended(request) ? Step::done : Step::pending;
}

} // namespace pvscsi::backend
