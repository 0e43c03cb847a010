// What a flame graph's page does in the browser; scripts/bundle.mjs puts it into the page.
import flamegraph from 'd3-flame-graph'
import { select } from 'd3-selection'

const byId = (id) => document.getElementById(id)
const { title, unit, root } = JSON.parse(byId('data').textContent)
document.title = title
byId('title').textContent = `${title}: ${root.value.toLocaleString('en')} ${unit}`

const label = ({ data }) => {
  const part = ((100 * data.value) / root.value).toFixed(1)
  return `${data.name}: ${data.value.toLocaleString('en')} ${unit}, ${part} %`
}
// The kernel's functions are orange, others have a hue of their own, by name.
const color = ({ data, highlight }) => {
  if (highlight) return '#d633ff'
  if (data.name.endsWith('_[k]')) return '#f2a154'
  const sum = [...data.name].reduce((sum, each) => (sum * 31 + each.codePointAt(0)) % 997, 7)
  return `hsl(${(sum * 360) / 997} 55% 72%)`
}
const widthOf = () => document.documentElement.clientWidth - 32
const chart = flamegraph()
  .width(widthOf())
  .cellHeight(18)
  .minFrameSize(1)
  .inverted(true)
  .transitionDuration(150)
  .label(label)
  .setColorMapper(color)
  .setDetailsElement(byId('details'))
const place = select('#chart').datum(root)
place.call(chart)
addEventListener('resize', () => {
  chart.width(widthOf())
  place.call(chart)
})
byId('search').addEventListener('input', ({ target }) => {
  if (target.value === '') chart.clear()
  else chart.search(target.value)
})
byId('reset').addEventListener('click', () => chart.resetZoom())
