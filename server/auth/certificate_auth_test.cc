// Whom a TLS client certificate stands for.
#include "server/auth/certificate_auth.h"

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/auth/authenticator_fixture.h"
#include "server/store/setting_names.h"

namespace bestow::server {
namespace {

using Kind = AuthFailure::Kind;

class CertificateAuthTest : public AuthenticatorFixture {
 protected:
  void SetUp() override {
    AuthenticatorFixture::SetUp();
    // So that each failure is the certificate's own.
    rules_.config.require = Require::kCertificate;
  }
  absl::StatusOr<Principal> Renew(const TlsPeer& peer) {
    return authenticator_->ForReenrollment(rules_, peer);
  }
  void Revoke(const Certificate& certificate, RevocationReason reason) {
    RevokeOrder order;
    order.serial = certificate.serial;
    order.revocation.at = clock_.Now();
    order.revocation.reason = reason;
    auto revoked = store_->Revoke(order);
    ASSERT_TRUE(revoked.ok()) << revoked.status();
  }
  // What the handshake says of an expired one.
  static TlsPeer Expired(const Certificate& certificate) {
    return Show(certificate, absl::PermissionDeniedError(
                                 "certificate path: certificate has expired"));
  }
};

TEST_F(CertificateAuthTest, TheIdentityIsTheRecords) {
  const Certificate certificate = IssueTo("gw-17", ca_);  // CN=somebody
  for (const auto& principal :
       {Ask("", Show(certificate)), Renew(Show(certificate))}) {
    ASSERT_TRUE(principal.ok()) << principal.status();
    EXPECT_EQ(principal->identity, "gw-17");
    EXPECT_EQ(principal->method, AuthMethod::kCertificate);
    EXPECT_FALSE(principal->is_ra);
    ASSERT_TRUE(principal->certificate.has_value());
    EXPECT_EQ(principal->certificate->certificate, certificate.der);
  }
  EXPECT_TRUE(Ask("", Show(IssueTo("ra", ca_)))->is_ra);
}

TEST_F(CertificateAuthTest, RefusesWhatIsNotOurs) {
  const Certificate ours = IssueTo("gw-17", ca_);
  const TlsPeer kWrong[] = {
      // Signed by our CA, and in no record: stolen, or from a backup.
      Show(MakeCertificate(ca_, "CN=gw-17")),
      // Another service's CA, which the handshake takes as well.
      Show(IssueTo("gw-17", MakeCa("Other service"))),
      // The handshake refused it, for whatever reason.
      Show(ours, absl::PermissionDeniedError("certificate path: no")),
  };
  for (const TlsPeer& peer : kWrong) {
    EXPECT_EQ(KindOf(Ask("", peer)), Kind::kBadCertificate);
    EXPECT_EQ(KindOf(Renew(peer)), Kind::kBadCertificate);
  }
  EXPECT_EQ(KindOf(Ask("", TlsPeer{})), Kind::kNoCertificate);
  EXPECT_EQ(KindOf(Renew(TlsPeer{})), Kind::kNoCertificate);
  EXPECT_TRUE(Ask("", Show(ours)).ok());
}

// From the moment of the revocation, on connections that are open too: each
// request is judged.
// What was issued after the backup from which a server comes back.
TEST_F(CertificateAuthTest, OneThatARestoredDatabaseDoesNotKnowIsToldWhy) {
  const TlsPeer lost = Show(MakeCertificate(ca_, "CN=gw-17"));
  EXPECT_FALSE(absl::StrContains(Renew(lost).status().message(), "backup"));
  ASSERT_TRUE(
      store_->SetSetting(kRestoredSetting, AsBytes("2026-11-21T12:00:00Z"), {})
          .ok());
  for (const auto& principal : {Ask("", lost), Renew(lost)}) {
    EXPECT_EQ(KindOf(principal), Kind::kBadCertificate);
    EXPECT_TRUE(absl::StrContains(
        principal.status().message(),
        "its record is lost: the server was restored from a backup of "
        "2026-11-21T12:00:00Z; enroll anew"))
        << principal.status();
  }
  // Another service's is none that was lost here.
  const TlsPeer other = Show(MakeCertificate(MakeCa("Other"), "CN=gw-17"));
  EXPECT_FALSE(absl::StrContains(Renew(other).status().message(), "backup"));
  EXPECT_TRUE(Renew(Show(IssueTo("gw-17", ca_))).ok());
}

// A forwarding service whose upstream has not been heard of yet.
TEST_F(CertificateAuthTest, AServiceThatKnowsNoCaTakesNoCertificate) {
  const TlsPeer ours = Show(IssueTo("gw-17", ca_));
  const TlsPeer lost = Show(MakeCertificate(ca_, "CN=gw-17"));
  ASSERT_TRUE(
      store_->SetSetting(kRestoredSetting, AsBytes("2026-11-21T12:00:00Z"), {})
          .ok());
  rules_.ca_anchors = nullptr;
  for (const TlsPeer& peer : {ours, lost}) {
    EXPECT_EQ(KindOf(Ask("", peer)), Kind::kBadCertificate);
    EXPECT_EQ(KindOf(Renew(peer)), Kind::kBadCertificate);
  }
}

TEST_F(CertificateAuthTest, ARemovedIdentitysCountsNowhere) {
  const Certificate certificate = IssueTo("gw-17", ca_);  // for 24 hours
  clock_.Advance(absl::Hours(25));
  ASSERT_TRUE(store_->RemoveIdentity("gw-17", clock_.Now(), {}).ok());
  rules_.expired_grace = absl::Hours(1000);
  auto refused = Renew(Expired(certificate));
  EXPECT_EQ(KindOf(refused), Kind::kBadCertificate);
  EXPECT_TRUE(absl::StrContains(refused.status().message(), "was removed"))
      << refused.status();
}

TEST_F(CertificateAuthTest, ARevokedOneCountsNowhere) {
  struct Case {
    RevocationReason reason;
    const char* text;
  };
  for (const Case& c : {
           Case{RevocationReason::kUnspecified,
                "was revoked at 2027-01-15T08:00:00Z (unspecified)"},
           {RevocationReason::kSuperseded,
            "was revoked at 2027-01-15T08:00:00Z (superseded)"},
           {RevocationReason::kCertificateHold,
            "is on hold since 2027-01-15T08:00:00Z"},
       }) {
    SCOPED_TRACE(c.text);
    for (const char* identity : {"gw-17", "ra"}) {
      const Certificate certificate = IssueTo(identity, ca_);
      EXPECT_TRUE(Ask("", Show(certificate)).ok());
      EXPECT_TRUE(Renew(Show(certificate)).ok());
      Revoke(certificate, c.reason);
      for (const Require require : {Require::kCertificate, Require::kAny,
                                    Require::kCertificateAndPassword}) {
        rules_.config.require = require;
        for (const std::string& label : {std::string(), std::string("plant")}) {
          rules_.label = label;
          for (const auto& principal :
               {Ask("", Show(certificate)), Renew(Show(certificate))}) {
            EXPECT_EQ(KindOf(principal), Kind::kRevoked);
            EXPECT_TRUE(absl::StrContains(principal.status().message(), c.text))
                << principal.status();
          }
        }
        rules_.label = "";
      }
      rules_.config.require = Require::kCertificate;
      rules_.expired_grace = absl::Hours(1);
      EXPECT_EQ(KindOf(Renew(Show(certificate))), Kind::kRevoked);
      rules_.expired_grace = absl::ZeroDuration();
      EXPECT_TRUE(Ask("", Show(IssueTo(identity, ca_))).ok());
    }
  }
}

TEST_F(CertificateAuthTest, AReleasedHoldCountsAgain) {
  const Certificate certificate = IssueTo("gw-17", ca_);
  Revoke(certificate, RevocationReason::kCertificateHold);
  EXPECT_EQ(KindOf(Renew(Show(certificate))), Kind::kRevoked);
  RevokeOrder order;
  order.serial = certificate.serial;
  order.revocation.at = clock_.Now();
  order.release = true;
  ASSERT_TRUE(store_->Revoke(order).ok());
  EXPECT_TRUE(Renew(Show(certificate)).ok());
}

// Another CA may give any serial number.
TEST_F(CertificateAuthTest, ASerialNumberIsNotTheCertificate) {
  Certificate other = MakeCertificate(ca_, "CN=gw-17");
  other.serial = IssueTo("gw-17", ca_).serial;
  EXPECT_EQ(KindOf(Ask("", Show(other))), Kind::kBadCertificate);
}

TEST_F(CertificateAuthTest, IsGoodForItsLabelAndThoseOfItsIdentity) {
  const Certificate plain = IssueTo("gw-17", ca_);
  const Certificate plant = IssueTo("gw-17", ca_, "plant");
  EXPECT_TRUE(Ask("", Show(plain)).ok());
  EXPECT_TRUE(Renew(Show(plant)).ok());  // gw-17 is good for ""
  rules_.label = "plant";
  EXPECT_TRUE(Renew(Show(plant)).ok());
  EXPECT_EQ(KindOf(Renew(Show(plain))), Kind::kNotForLabel);
  EXPECT_EQ(KindOf(Ask("", Show(plain))), Kind::kNotForLabel);
  ASSERT_TRUE(store_->AddIdentity("gw-17", {{"plant"}, {}}, clock_.Now()).ok());
  EXPECT_TRUE(Renew(Show(plain)).ok());
  EXPECT_TRUE(Ask("", Show(plain)).ok());
}

// Who is good for two labels does not get around the password of one by the
// certificate of the other.
TEST_F(CertificateAuthTest,
       AnotherLabelsRenewsNothingWhereAPasswordIsAskedFor) {
  ASSERT_TRUE(store_->AddIdentity("gw-17", {{"plant"}, {}}, clock_.Now()).ok());
  const Certificate plain = IssueTo("gw-17", ca_);
  const Certificate plant = IssueTo("gw-17", ca_, "plant");
  rules_.label = "plant";
  for (Require require :
       {Require::kPassword, Require::kCertificateAndPassword}) {
    rules_.config.require = require;
    EXPECT_EQ(KindOf(Renew(Show(plain))), Kind::kNotForLabel);
    EXPECT_TRUE(Renew(Show(plant)).ok());
  }
  for (Require require : {Require::kAny, Require::kCertificate}) {
    rules_.config.require = require;
    EXPECT_TRUE(Renew(Show(plain)).ok());
  }
}

TEST_F(CertificateAuthTest, ExpiredOnesPassWithinGraceForARenewalAlone) {
  const Certificate certificate = IssueTo("gw-17", ca_);  // for 24 hours
  const absl::Duration left = certificate.not_after - clock_.Now();
  clock_.Advance(left);
  EXPECT_TRUE(Renew(Show(certificate)).ok());  // its last second
  clock_.Advance(absl::Seconds(1));
  // A connection that was opened before is judged by the time now.
  EXPECT_EQ(KindOf(Renew(Show(certificate))), Kind::kBadCertificate);
  EXPECT_EQ(KindOf(Renew(Expired(certificate))), Kind::kBadCertificate);

  rules_.expired_grace = absl::Hours(1);
  EXPECT_TRUE(Renew(Show(certificate)).ok());
  EXPECT_TRUE(Renew(Expired(certificate)).ok());
  EXPECT_EQ(KindOf(Ask("", Expired(certificate))), Kind::kBadCertificate);
  EXPECT_EQ(KindOf(Ask("", Show(certificate))), Kind::kBadCertificate);
  clock_.Advance(absl::Hours(1) - absl::Seconds(1));
  EXPECT_TRUE(Renew(Expired(certificate)).ok());
  clock_.Advance(absl::Seconds(1));
  auto late = Renew(Expired(certificate));
  EXPECT_EQ(KindOf(late), Kind::kBadCertificate);
  EXPECT_TRUE(absl::StrContains(late.status().message(), "grace"));
}

// Grace is for what is expired, and for nothing else that is wrong.
TEST_F(CertificateAuthTest, GraceExcusesNothingElse) {
  rules_.expired_grace = absl::Hours(1000);
  const Certificate ours = IssueTo("gw-17", ca_);
  const Certificate others = IssueTo("gw-17", MakeCa("Other service"));
  const Certificate unknown = MakeCertificate(ca_, "CN=gw-17");
  EXPECT_EQ(KindOf(Renew(Show(ours, absl::PermissionDeniedError("no")))),
            Kind::kBadCertificate);
  clock_.Advance(absl::Hours(25));
  EXPECT_EQ(KindOf(Renew(Expired(others))), Kind::kBadCertificate);
  EXPECT_EQ(KindOf(Renew(Expired(unknown))), Kind::kBadCertificate);
  EXPECT_TRUE(Renew(Expired(ours)).ok());
}

// --- Manufacturers' certificates (RFC 7030 3.3.2) ---

class IdevidTest : public CertificateAuthTest {
 protected:
  void SetUp() override {
    CertificateAuthTest::SetUp();
    maker_ = MakeCa("Manufacturer");
    rules_.idevid_anchors = maker_.anchors;
    device_certificate_ = MakeCertificate(maker_, "O=Acme,serialNumber=SN-1");
    ASSERT_TRUE(store_->AddIdentity("SN-1", {}, clock_.Now()).ok());
  }
  Ca maker_;
  Certificate device_certificate_;
};

TEST_F(IdevidTest, StandsForTheIdentityOfItsSubject) {
  auto principal = Ask("", Show(device_certificate_));
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->identity, "SN-1");
  EXPECT_EQ(principal->identity_id, store_->FindIdentity("SN-1")->id);
  EXPECT_EQ(principal->method, AuthMethod::kIdevid);
  EXPECT_FALSE(principal->certificate.has_value());
}

TEST_F(IdevidTest, ByTheServicesTemplate) {
  rules_.config.idevid_identity = "{CN}-{serialNumber}";
  ASSERT_TRUE(store_->AddIdentity("gw-SN-1", {}, clock_.Now()).ok());
  auto principal =
      Ask("", Show(MakeCertificate(maker_, "CN=gw,serialNumber=SN-1")));
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->identity, "gw-SN-1");
  // This one has no CN.
  EXPECT_EQ(KindOf(Ask("", Show(device_certificate_))), Kind::kBadCertificate);
}

TEST_F(IdevidTest, Refusals) {
  // Unknown to us.
  const TlsPeer unknown =
      Show(MakeCertificate(maker_, "O=Acme,serialNumber=SN-2"));
  EXPECT_EQ(KindOf(Ask("", unknown)), Kind::kBadCertificate);
  // Nothing that says who it is.
  EXPECT_EQ(KindOf(Ask("", Show(MakeCertificate(maker_, "O=Acme")))),
            Kind::kBadCertificate);
  // Another manufacturer, which another service may trust.
  EXPECT_EQ(KindOf(Ask("", Show(MakeCertificate(MakeCa("Other"),
                                                "serialNumber=SN-1")))),
            Kind::kBadCertificate);
  // A name of our own CA's making is not a manufacturer's word.
  EXPECT_EQ(KindOf(Ask("", Show(MakeCertificate(ca_, "serialNumber=SN-1")))),
            Kind::kBadCertificate);
  // Not for this label.
  rules_.label = "plant";
  EXPECT_EQ(KindOf(Ask("", Show(device_certificate_))), Kind::kNotForLabel);
  rules_.label = "";
  EXPECT_TRUE(Ask("", Show(device_certificate_)).ok());
  // A service that trusts no manufacturer.
  rules_.idevid_anchors = nullptr;
  EXPECT_EQ(KindOf(Ask("", Show(device_certificate_))), Kind::kBadCertificate);
}

TEST_F(IdevidTest, ExpiresToo) {
  rules_.expired_grace = absl::Hours(1000);
  clock_.Advance(absl::Hours(25));
  EXPECT_EQ(KindOf(Ask("", Show(device_certificate_))), Kind::kBadCertificate);
}

TEST_F(IdevidTest, MayRegisterItself) {
  rules_.config.idevid_register = true;
  auto principal =
      Ask("", Show(MakeCertificate(maker_, "O=Acme,serialNumber=SN-2")));
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->identity, "SN-2");
  EXPECT_EQ(principal->identity_id, 0);
  // Asking makes nobody known.
  EXPECT_TRUE(absl::IsNotFound(store_->FindIdentity("SN-2").status()));
  // One that is known is known.
  EXPECT_NE(Ask("", Show(device_certificate_))->identity_id, 0);
  // Not over an identity of another label.
  rules_.label = "plant";
  EXPECT_EQ(KindOf(Ask("", Show(device_certificate_))), Kind::kNotForLabel);
}

// RFC 7030 4.2.2 renews certificates of this server.
TEST_F(IdevidTest, IsNothingToBeRenewed) {
  EXPECT_EQ(KindOf(Renew(Show(device_certificate_))), Kind::kBadCertificate);
}

// A manufacturer's word makes nobody a registration authority; nor does a
// certificate that it could get here by that word.
TEST_F(IdevidTest, IsNoRegistrationAuthority) {
  EXPECT_FALSE(Ask("", Show(device_certificate_))->is_ra);
  ASSERT_TRUE(store_->AddIdentity("SN-1", {{}, true}, clock_.Now()).ok());
  EXPECT_EQ(KindOf(Ask("", Show(device_certificate_))), Kind::kBadCertificate);
  rules_.config.idevid_register = true;
  EXPECT_EQ(KindOf(Ask("", Show(device_certificate_))), Kind::kBadCertificate);
}

TEST_F(IdevidTest, GoesWithItsOwnersPassword) {
  rules_.config.require = Require::kCertificateAndPassword;
  const TlsPeer mine =
      Show(MakeCertificate(maker_, "O=Acme,serialNumber=gw-17"));
  auto principal = Ask(Basic("gw-17", kSecret), mine);
  ASSERT_TRUE(principal.ok()) << principal.status();
  EXPECT_EQ(principal->method, AuthMethod::kCertificateAndPassword);
  EXPECT_TRUE(principal->secret_id.has_value());
  EXPECT_EQ(KindOf(Ask(Basic("gw-17", kPassword), Show(device_certificate_))),
            Kind::kBadCertificate);
}

}  // namespace
}  // namespace bestow::server
