"""A chat model that has written the draft already: all arms of an ablation revise the same one."""

from collections.abc import Iterator
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from agent.prompts import prompt

# Of the prompt for a draft, whichever scenario it is for.
FIRST_WORDS = prompt("draft").split(".")[0]


class SharedDraft(BaseChatModel):
    """Answers the agent's call for a draft with `draft`, and every other call as `chat` does.

    The replayed call counts the tokens that the draft once cost, so that a run's usage is the same as if it
    had written its draft itself.
    """

    chat: BaseChatModel
    draft: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def _llm_type(self) -> str:
        return "shared-draft"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> ChatResult:
        return self.chat._generate(messages, stop, run_manager, **options)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **options: Any,
    ) -> Iterator[ChatGenerationChunk]:
        if not str(messages[0].content).startswith(FIRST_WORDS):
            yield from self.chat._stream(messages, stop, run_manager, **options)
            return
        usage = UsageMetadata(
            input_tokens=self.prompt_tokens,
            output_tokens=self.completion_tokens,
            total_tokens=self.prompt_tokens + self.completion_tokens,
        )
        yield ChatGenerationChunk(message=AIMessageChunk(content=self.draft, usage_metadata=usage))
