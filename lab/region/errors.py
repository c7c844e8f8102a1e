"""AWS's errors, in the format of each protocol."""

import json
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

REQUEST_ID = "00000000-0000-4000-8000-000000000000"


class ApiError(Exception):
    """An error response of the API: AWS's code and text."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


def answer(service: str, error: ApiError) -> Response:
    """The error in the format of the service's protocol."""
    if service in ("servicequotas", "logs"):
        text = json.dumps({"__type": error.code, "Message": error.message})
        return Response(text, error.status, content_type="application/x-amz-json-1.1")
    code, message = escape(error.code), escape(error.message)
    if service == "ec2":
        body = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
            f"</Errors><RequestID>{REQUEST_ID}</RequestID></Response>"
        )
    elif service == "s3":
        body = (
            f"<Error><Code>{code}</Code><Message>{message}</Message>"
            f"<RequestId>{REQUEST_ID}</RequestId></Error>"
        )
    else:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{message}</Message></Error><RequestId>{REQUEST_ID}</RequestId>"
            "</ErrorResponse>"
        )
    declaration = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return Response(declaration + body, error.status, content_type="application/xml")
