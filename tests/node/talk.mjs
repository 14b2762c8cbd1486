// A game written in Node: talks to a model with the official client, once whole, once streamed,
// once through the Responses API, and prints what it got as JSON.
import OpenAI from "openai";

const client = new OpenAI({ apiKey: "sk-node", baseURL: process.argv[2], maxRetries: 0 });
const messages = [{ role: "user", content: "Ale, please!" }];
const tools = [{ type: "function", function: { name: "pour", parameters: { type: "object" } } }];

const whole = await client.chat.completions.create({ model: "m", messages, tools });

let streamed = "";
let calls = 0;
const stream = await client.chat.completions.create({ model: "m", messages, tools, stream: true });
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  calls += (chunk.choices[0]?.delta?.tool_calls ?? []).filter((call) => call.id).length;
}

const response = await client.responses.create({ model: "m", input: "Ale, please!" });

console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    tool: whole.choices[0].message.tool_calls[0].function,
    streamed,
    calls,
    response: response.output_text,
  }),
);
