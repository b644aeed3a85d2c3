"""The second argument of a handler, with the names that Lambda's has."""
import os
import time


class CognitoIdentity:
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, given):
        self.cognito_identity_id = given.get("cognitoIdentityId")
        self.cognito_identity_pool_id = given.get("cognitoIdentityPoolId")


class Client:
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")

    def __init__(self, given):
        for name in self.__slots__:
            setattr(self, name, given.get(name))


class ClientContext:
    __slots__ = ("custom", "env", "client")

    def __init__(self, given):
        self.custom = given.get("custom")
        self.env = given.get("env")
        self.client = Client(given["client"]) if isinstance(given.get("client"), dict) else None


class Context:
    """`headers` are those of the Runtime API's answer to /next, by lower-case name."""

    def __init__(self, headers, loads):
        get = os.environ.get
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id", "")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn", "")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self.function_name = get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = get("AWS_LAMBDA_LOG_STREAM_NAME")
        deadline = headers.get("lambda-runtime-deadline-ms", "")
        self._epoch_deadline_time_in_ms = int(deadline) if deadline.isdigit() else 0
        client, identity = (self._object(headers, name, loads)
                            for name in ("lambda-runtime-client-context", "lambda-runtime-cognito-identity"))
        self.client_context = ClientContext(client) if client is not None else None
        self.identity = CognitoIdentity(identity or {})

    @staticmethod
    def _object(headers, name, loads):
        text = headers.get(name)
        if not text:
            return None
        # The bytes of a header are UTF-8 here, whatever HTTP calls them.
        value = loads(text.encode("latin-1").decode("utf-8"))
        if not isinstance(value, dict):
            raise ValueError(f"{name} is not an object")
        return value

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def log(self, message):
        import sys
        sys.stdout.write(str(message))

    def __repr__(self):
        return (f"LambdaContext([aws_request_id={self.aws_request_id},function_name={self.function_name},"
                f"function_version={self.function_version},invoked_function_arn={self.invoked_function_arn},"
                f"memory_limit_in_mb={self.memory_limit_in_mb},log_group_name={self.log_group_name},"
                f"log_stream_name={self.log_stream_name}])")


Context.__name__ = Context.__qualname__ = "LambdaContext"
