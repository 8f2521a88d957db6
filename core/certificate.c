#include "certificate.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static bool cdc_certificate_print(X509 *cert, char *out, size_t size)
{
    BIO *text = BIO_new(BIO_s_mem());
    const char *p = NULL;
    bool good = text != NULL &&
                X509_NAME_print_ex(text, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0;
    long n = good ? BIO_get_mem_data(text, &p) : 0;
    good = n > 0 && (size_t)n < size;
    if (good) {
        memcpy(out, p, (size_t)n);
        out[n] = '\0';
    }
    BIO_free(text);
    return good;
}

bool cdc_certificate_subject(const char *path, char *out, size_t size)
{
    BIO *file = BIO_new_file(path, "r");
    X509 *cert = file != NULL ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
    bool good = cert != NULL && cdc_certificate_print(cert, out, size);
    X509_free(cert);
    BIO_free(file);
    return good;
}

cdc_certificate_fault cdc_certificate_fault_of(int code, const char **text)
{
    *text = X509_verify_cert_error_string(code);
    switch (code) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return CDC_CERTIFICATE_OTHER_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return CDC_CERTIFICATE_OUT_OF_DATE;
    default:
        return CDC_CERTIFICATE_UNTRUSTED;
    }
}

bool cdc_certificate_is_alert(const char *text)
{
    static const char *const alerts[] = {"alert certificate required", "alert bad certificate",
                                         "alert unknown ca",           "alert certificate unknown",
                                         "alert certificate expired",  "alert handshake failure"};
    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        if (strstr(text, alerts[i]) != NULL) {
            return true;
        }
    }
    return false;
}
