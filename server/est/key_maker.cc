#include "server/est/key_maker.h"

#include <utility>

namespace bestow::server {

void KeyMaker::Make(KeyType type, Done done) {
  if (!pool_.TrySubmit(
          [type, done] { done(SoftwareSigner::Generate(type)); })) {
    done(absl::ResourceExhaustedError("too many keys are waiting to be made"));
  }
}

}  // namespace bestow::server
